//! The configuration that the extractors read from the app data.

use actix_web::HttpRequest;

use super::origin::{InvalidOrigin, OriginRule};
use super::problem::ProblemResponse;
use crate::bearer::{self, BearerError};
use crate::claims::CustomClaims;
use crate::verifier::{Verified, Verifier};

/// How requests authenticate. Put it into the app data as `web::Data<BearerAuth>`, or as `web::Data<BearerAuth<C>>` if
/// the service reads custom claims `C`.
///
/// ```
/// # use shared_claims::verifier::Verifier;
/// use actix_web::{App, web};
/// use shared_claims::actix::{BearerAuth, InvalidOrigin};
///
/// fn auth(verifier: Verifier) -> Result<web::Data<BearerAuth>, InvalidOrigin> {
///     let auth = BearerAuth::new(verifier)
///         .cookie("__Host-access_token")
///         .allowed_origins(["http://localhost:5173"])?;
///     Ok(web::Data::new(auth))
/// }
/// ```
#[derive(Clone, Debug)]
pub struct BearerAuth<C = ()> {
    verifier: Verifier<C>,
    cookie: Option<String>,
    origins: OriginRule,
}

impl<C: CustomClaims> BearerAuth<C> {
    /// Accepts bearer tokens in the `Authorization` header; `verifier` checks them.
    pub fn new(verifier: Verifier<C>) -> Self {
        Self { verifier, cookie: None, origins: OriginRule::default() }
    }

    /// Also accepts the token in this cookie (for example `__Host-access_token`) when there is no `Authorization`
    /// header.
    #[must_use]
    pub fn cookie(mut self, name: impl Into<String>) -> Self {
        self.cookie = Some(name.into());
        self
    }

    /// Adds the origins, besides the service's own, from which a request with a cookie may change something.
    ///
    /// # Errors
    /// [`InvalidOrigin`] names the first string that is not an origin.
    pub fn allowed_origins<I, S>(mut self, origins: I) -> Result<Self, InvalidOrigin>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<str>,
    {
        self.origins = OriginRule::new(origins)?;
        Ok(self)
    }

    /// The verifier that checks the tokens.
    pub fn verifier(&self) -> &Verifier<C> {
        &self.verifier
    }

    /// The origin check for requests with cookies.
    pub fn origins(&self) -> &OriginRule {
        &self.origins
    }

    /// Finds the token of a request and checks it.
    ///
    /// # Errors
    /// The error response to send instead of the handler's.
    ///
    /// ```
    /// use actix_web::HttpRequest;
    /// use shared_claims::actix::{BearerAuth, ProblemResponse};
    ///
    /// async fn user(auth: &BearerAuth, request: &HttpRequest) -> Result<String, ProblemResponse> {
    ///     auth.origins().check(request)?;
    ///     Ok(match auth.authenticate_now(request) {
    ///         Some(outcome) => outcome?,
    ///         None => auth.authenticate(request).await?,
    ///     }
    ///     .sub
    ///     .clone())
    /// }
    /// ```
    pub async fn authenticate(&self, request: &HttpRequest) -> Result<Verified<C>, ProblemResponse> {
        let token = self.find_token(request)?;
        Ok(bearer::verify(&self.verifier, token).await?)
    }

    /// Like [`authenticate`](Self::authenticate), but never waits. Returns `None` where the check would have to wait,
    /// as [`Verifier::verify_now`] does.
    pub fn authenticate_now(&self, request: &HttpRequest) -> Option<Result<Verified<C>, ProblemResponse>> {
        let outcome = match self.find_token(request) {
            Ok(token) => bearer::verify_now(&self.verifier, token)?,
            Err(error) => Err(error),
        };
        Some(outcome.map_err(ProblemResponse::from))
    }

    fn find_token<'a>(&self, request: &'a HttpRequest) -> Result<&'a str, BearerError> {
        bearer::find_token(request, self.cookie.as_deref(), &self.origins.origins)
    }
}
