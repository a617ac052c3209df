//! The extractor whose type names the scopes and roles that a handler requires.

use std::future::Future;
use std::marker::PhantomData;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use http::StatusCode;

use super::bearer::BearerAuth;
use super::problem::ProblemResponse;
use crate::claims::{Claims, CustomClaims};
use crate::require::{AnyToken, Requirement};
use crate::verifier::Verified;

/// A request with a valid access token that has the scopes and roles of `S`. It dereferences to the token's [`Claims`].
///
/// ```
/// use shared_claims::{actix::Authenticated, required_role, required_scope};
///
/// required_scope!(pub NotesWrite, "notes:write");
/// required_role!(pub Editor, "editor");
///
/// async fn delete(user: Authenticated<(NotesWrite, Editor)>) -> String {
///     format!("{} deletes", user.sub)
/// }
/// ```
///
/// A request that does not qualify is answered before the handler runs: with 401 without a token or for a token that is
/// not accepted, 403 when a scope or a role is missing (or a cookie comes with a foreign origin), 400 for two tokens,
/// and 503 when the token cannot be checked now. The body is a [`Problem`](crate::problem::Problem) and
/// `WWW-Authenticate` follows RFC 6750. The extractor needs a [`web::Data<BearerAuth<C>>`](BearerAuth) in the app data.
#[derive(Clone, Debug)]
pub struct Authenticated<S: Requirement = AnyToken, C = ()> {
    verified: Verified<C>,
    required: PhantomData<fn() -> S>,
}

impl<S: Requirement, C> Authenticated<S, C> {
    /// The token's claims.
    ///
    /// ```
    /// use shared_claims::actix::Authenticated;
    ///
    /// async fn whoami(user: Authenticated) -> String {
    ///     user.claims().sub.clone()
    /// }
    /// ```
    pub fn claims(&self) -> &Claims<C> {
        self.verified.claims()
    }

    /// The verified token, with its claims and its header's `kid`.
    ///
    /// ```
    /// use shared_claims::actix::Authenticated;
    ///
    /// async fn key(user: Authenticated) -> String {
    ///     user.into_verified().kid().to_owned()
    /// }
    /// ```
    pub fn into_verified(self) -> Verified<C> {
        self.verified
    }

    /// Accepts a verified token that has the required scopes and roles.
    fn admit(verified: Verified<C>) -> Result<Self, ProblemResponse> {
        S::check(&verified)?;
        Ok(Self { verified, required: PhantomData })
    }
}

impl<S: Requirement, C> Deref for Authenticated<S, C> {
    type Target = Claims<C>;

    fn deref(&self) -> &Claims<C> {
        self.verified.claims()
    }
}

impl<S: Requirement, C: CustomClaims> FromRequest for Authenticated<S, C> {
    type Error = ProblemResponse;
    type Future = Extraction<S, C>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Extraction<S, C> {
        let Some(auth) = request.app_data::<web::Data<BearerAuth<C>>>() else {
            tracing::error!(
                "no web::Data<BearerAuth<C>> of this C in the app data: nothing can be authenticated"
            );
            let response =
                ProblemResponse::of(StatusCode::INTERNAL_SERVER_ERROR, "The service is not set up");
            return Extraction::ready(Err(response));
        };
        if let Some(outcome) = auth.authenticate_now(request) {
            return Extraction::ready(outcome.and_then(Authenticated::admit));
        }
        let (auth, request) = (auth.clone(), request.clone());
        Extraction(State::Waiting(Box::pin(async move {
            auth.authenticate(&request).await.and_then(Authenticated::admit)
        })))
    }
}

/// The future of [`Authenticated`]. With a revocation mirror it is ready on the first poll.
///
/// ```
/// use actix_web::dev::Payload;
/// use actix_web::{FromRequest, HttpRequest};
/// use shared_claims::actix::{AnyToken, Authenticated, Extraction};
///
/// /// An extractor of your own can await this first.
/// fn user(request: &HttpRequest, payload: &mut Payload) -> Extraction<AnyToken, ()> {
///     Authenticated::from_request(request, payload)
/// }
/// ```
pub struct Extraction<S: Requirement, C>(State<S, C>);

type Outcome<S, C> = Result<Authenticated<S, C>, ProblemResponse>;

enum State<S: Requirement, C> {
    Ready(Option<Outcome<S, C>>),
    Waiting(Pin<Box<dyn Future<Output = Outcome<S, C>>>>),
}

impl<S: Requirement, C> Extraction<S, C> {
    fn ready(outcome: Outcome<S, C>) -> Self {
        Self(State::Ready(Some(outcome)))
    }
}

impl<S: Requirement, C> Future for Extraction<S, C> {
    type Output = Outcome<S, C>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome<S, C>> {
        match &mut self.get_mut().0 {
            // A future must not be polled after it was ready, so a second poll may stay pending.
            State::Ready(outcome) => outcome.take().map_or(Poll::Pending, Poll::Ready),
            State::Waiting(future) => future.as_mut().poll(context),
        }
    }
}

impl<S: Requirement, C> std::fmt::Debug for Extraction<S, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Extraction").finish_non_exhaustive()
    }
}
