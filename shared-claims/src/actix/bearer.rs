//! What the extractors find in the app data.

use actix_web::HttpRequest;

use super::credentials;
use super::origin::{InvalidOrigin, OriginRule};
use super::problem::ProblemResponse;
use crate::claims::CustomClaims;
use crate::verifier::{Verified, Verifier, VerifyError};

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
        answer(self.verifier.verify(token).await)
    }

    /// The same without waiting; `None` where that cannot be, as [`Verifier::verify_now`].
    pub fn authenticate_now(&self, request: &HttpRequest) -> Option<Result<Verified<C>, ProblemResponse>> {
        match self.find_token(request) {
            Ok(token) => self.verifier.verify_now(token).map(answer),
            Err(refusal) => Some(Err(refusal)),
        }
    }

    fn find_token<'a>(&self, request: &'a HttpRequest) -> Result<&'a str, ProblemResponse> {
        let presented = credentials::find(request, self.cookie.as_deref())?;
        if presented.by_cookie {
            self.origins.check(request)?;
        }
        Ok(presented.token)
    }
}

fn answer<C>(outcome: Result<Verified<C>, VerifyError>) -> Result<Verified<C>, ProblemResponse> {
    outcome.map_err(|error| {
        tracing::debug!(%error, "access token not accepted");
        error.into()
    })
}
