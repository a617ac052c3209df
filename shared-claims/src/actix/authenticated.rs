//! The extractor that says in a handler's signature what it needs.

use std::future::Future;
use std::marker::PhantomData;
use std::ops::Deref;
use std::pin::Pin;

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

    async fn extract(request: &HttpRequest) -> Result<Self, ProblemResponse> {
        let Some(auth) = request.app_data::<web::Data<BearerAuth>>() else {
            tracing::error!("no web::Data<BearerAuth> in the app data: nothing can be authenticated");
            return Err(ProblemResponse::of(StatusCode::INTERNAL_SERVER_ERROR, "The service is not set up"));
        };
        let verified = auth.authenticate(request).await?;
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
    type Future = Pin<Box<dyn Future<Output = Result<Self, ProblemResponse>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { Self::extract(&request).await })
    }
}
