//! An extractor that authenticates the user before it reads the request's body or path.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{Error, FromRequest, HttpRequest};
use shared_claims::actix::Authenticated;
use shared_claims::require::Requirement;

/// A user with the scopes of `S`, and then what `T` extracts. actix extracts the arguments of a handler concurrently:
/// without this type, a client without a token would have its body read and would learn what is wrong with it.
pub(super) struct Authorized<S: Requirement, T> {
    /// The user.
    pub(super) user: Authenticated<S>,
    /// The extracted value.
    pub(super) input: T,
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
            let input = T::from_request(&request, &mut payload).await.map_err(Into::into)?;
            Ok(Self { user, input })
        })
    }
}
