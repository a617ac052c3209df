//! Who asks, before what they ask for.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{Error, FromRequest, HttpRequest};
use shared_claims::actix::Authenticated;
use shared_claims::require::Requirement;

/// A user with the scopes of `S`, and then what else is extracted. actix extracts the arguments of a handler side by
/// side: without this, somebody without a token would learn what is wrong with their body, and have it read.
pub(super) struct Authorized<S: Requirement, T> {
    /// Who asks.
    pub(super) user: Authenticated<S>,
    /// What they sent.
    pub(super) sent: T,
}

impl<S, T> FromRequest for Authorized<S, T>
where
    S: Requirement,
    T: FromRequest + 'static,
{
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let mut payload = payload.take();
        Box::pin(async move {
            let user = Authenticated::from_request(&request, &mut payload).await?;
            let sent = T::from_request(&request, &mut payload).await.map_err(Into::into)?;
            Ok(Self { user, sent })
        })
    }
}
