//! The extractor that says in a handler's signature what it needs.

use std::future::Future;
use std::marker::PhantomData;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, web};

use super::bearer::BearerAuth;
use super::problem::ProblemResponse;
use crate::claims::Claims;
use crate::verifier::Verified;

/// Scopes as a type: what a token must hold for a handler to run. [`required_scope!`](crate::required_scope)
/// declares one.
pub trait RequiredScope: 'static {
    /// All of them are needed.
    const SCOPES: &'static [&'static str];
}

/// Any good token will do.
#[derive(Clone, Copy, Debug)]
pub struct AnyScope;

impl RequiredScope for AnyScope {
    const SCOPES: &'static [&'static str] = &[];
}

/// Declares a type for [`Authenticated`] that needs one or more scopes.
///
/// ```
/// use shared_claims::{actix::Authenticated, required_scope};
///
/// required_scope!(pub TodosWrite, "todos:write");
///
/// async fn delete(user: Authenticated<TodosWrite>) -> String {
///     user.sub.clone()
/// }
/// ```
#[macro_export]
macro_rules! required_scope {
    ($(#[$attribute:meta])* $visibility:vis $name:ident, $($scope:literal),+ $(,)?) => {
        $(#[$attribute])*
        #[doc = concat!("Needs the scope" $(, " `", $scope, "`")+, ".")]
        #[derive(Clone, Copy, Debug)]
        $visibility struct $name;

        impl $crate::actix::RequiredScope for $name {
            const SCOPES: &'static [&'static str] = &[$($scope),+];
        }
    };
}

/// A request with a good access token that holds the scopes of `S`. Reads as its [`Claims`].
///
/// It answers by itself: 401 without a token or for one that is not accepted, 403 when a scope is missing (or a
/// cookie comes with a foreign origin), 400 for two tokens, 503 when the token cannot be checked now; the body is a
/// [`Problem`](crate::problem::Problem), `WWW-Authenticate` as RFC 6750 has it. It needs a
/// [`web::Data<BearerAuth>`](BearerAuth) in the app data.
#[derive(Clone, Debug)]
pub struct Authenticated<S: RequiredScope = AnyScope> {
    verified: Verified,
    scope: PhantomData<fn() -> S>,
}

impl<S: RequiredScope> Authenticated<S> {
    /// The token's claims.
    pub fn claims(&self) -> &Claims {
        self.verified.claims()
    }

    /// The checked token.
    pub fn into_verified(self) -> Verified {
        self.verified
    }

    /// Lets the token pass if it holds the scopes.
    fn admit(verified: Verified) -> Result<Self, ProblemResponse> {
        if S::SCOPES.iter().all(|scope| verified.scope.contains(scope)) {
            Ok(Self { verified, scope: PhantomData })
        } else {
            Err(ProblemResponse::insufficient_scope(S::SCOPES))
        }
    }
}

impl<S: RequiredScope> Deref for Authenticated<S> {
    type Target = Claims;

    fn deref(&self) -> &Claims {
        self.verified.claims()
    }
}

impl<S: RequiredScope> FromRequest for Authenticated<S> {
    type Error = ProblemResponse;
    type Future = Extraction<S>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Extraction<S> {
        let Some(auth) = request.app_data::<web::Data<BearerAuth>>() else {
            tracing::error!("no web::Data<BearerAuth> in the app data: nothing can be authenticated");
            let answer = ProblemResponse::of(StatusCode::INTERNAL_SERVER_ERROR, "The service is not set up");
            return Extraction::ready(Err(answer));
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

/// The future of [`Authenticated`]: with a mirror it is ready at once.
pub struct Extraction<S: RequiredScope>(State<S>);

type Outcome<S> = Result<Authenticated<S>, ProblemResponse>;

enum State<S: RequiredScope> {
    Ready(Option<Outcome<S>>),
    Waiting(Pin<Box<dyn Future<Output = Outcome<S>>>>),
}

impl<S: RequiredScope> Extraction<S> {
    fn ready(outcome: Outcome<S>) -> Self {
        Self(State::Ready(Some(outcome)))
    }
}

impl<S: RequiredScope> Future for Extraction<S> {
    type Output = Outcome<S>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome<S>> {
        match &mut self.get_mut().0 {
            // Once it has answered it is done, and as a future it need not be polled again.
            State::Ready(outcome) => outcome.take().map_or(Poll::Pending, Poll::Ready),
            State::Waiting(future) => future.as_mut().poll(context),
        }
    }
}

impl<S: RequiredScope> std::fmt::Debug for Extraction<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Extraction").finish_non_exhaustive()
    }
}
