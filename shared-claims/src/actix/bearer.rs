//! What the extractors find in the app data.

use actix_web::HttpRequest;

use super::origin::{InvalidOrigin, OriginRule};
use super::problem::ProblemResponse;
use crate::bearer::{self, Refusal};
use crate::claims::CustomClaims;
use crate::verifier::{Verified, Verifier};

/// How requests authenticate: put it into the app data as `web::Data<BearerAuth>`, or with the service's own claims as
/// `web::Data<BearerAuth<C>>`.
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
    /// Bearer tokens in the `Authorization` header, checked by `verifier`.
    pub fn new(verifier: Verifier<C>) -> Self {
        Self { verifier, cookie: None, origins: OriginRule::default() }
    }

    /// Takes the token from this cookie too, when there is no `Authorization` header: `__Host-access_token`.
    #[must_use]
    pub fn cookie(mut self, name: impl Into<String>) -> Self {
        self.cookie = Some(name.into());
        self
    }

    /// The origins, besides our own, from which a cookie may change something.
    ///
    /// # Errors
    /// [`InvalidOrigin`] names the first that is none.
    pub fn allowed_origins<I, S>(mut self, origins: I) -> Result<Self, InvalidOrigin>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<str>,
    {
        self.origins = OriginRule::new(origins)?;
        Ok(self)
    }

    /// The verifier.
    pub fn verifier(&self) -> &Verifier<C> {
        &self.verifier
    }

    /// The rule that requests with cookies must keep.
    pub fn origins(&self) -> &OriginRule {
        &self.origins
    }

    /// Finds the token of a request and checks it.
    ///
    /// # Errors
    /// The answer to give instead.
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

    /// The same without waiting; `None` where that cannot be, as [`Verifier::verify_now`].
    pub fn authenticate_now(&self, request: &HttpRequest) -> Option<Result<Verified<C>, ProblemResponse>> {
        let outcome = match self.find_token(request) {
            Ok(token) => bearer::verify_now(&self.verifier, token)?,
            Err(refusal) => Err(refusal),
        };
        Some(outcome.map_err(ProblemResponse::from))
    }

    fn find_token<'a>(&self, request: &'a HttpRequest) -> Result<&'a str, Refusal> {
        bearer::find_token(request, self.cookie.as_deref(), &self.origins.origins)
    }
}
