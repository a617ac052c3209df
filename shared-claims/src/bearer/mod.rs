//! How a request authenticates and how it is refused; the same for every web framework.

mod cookies;
mod credentials;
mod origin;
mod origins;
mod refusal;
mod request;

#[cfg(feature = "actix")]
pub(crate) use cookies::find as find_cookie;
pub use origins::InvalidOrigin;
pub(crate) use origins::Origins;
pub(crate) use refusal::Refusal;
pub(crate) use request::Request;

use crate::claims::CustomClaims;
use crate::verifier::{Verified, Verifier, VerifyError};

/// Finds the token of a request in the header, else in this cookie. A request with a cookie must also pass the origin
/// check.
pub(crate) fn find_token<'a>(
    request: &'a impl Request,
    cookie: Option<&str>,
    origins: &Origins,
) -> Result<&'a str, Refusal> {
    let presented = credentials::find(request, cookie)?;
    if presented.by_cookie {
        origins.check(request)?;
    }
    Ok(presented.token)
}

/// Verifies a token.
pub(crate) async fn verify<C: CustomClaims>(
    verifier: &Verifier<C>,
    token: &str,
) -> Result<Verified<C>, Refusal> {
    answer(verifier.verify(token).await)
}

/// Verifies a token without waiting; `None` where the check would have to wait.
pub(crate) fn verify_now<C: CustomClaims>(
    verifier: &Verifier<C>,
    token: &str,
) -> Option<Result<Verified<C>, Refusal>> {
    verifier.verify_now(token).map(answer)
}

fn answer<C>(outcome: Result<Verified<C>, VerifyError>) -> Result<Verified<C>, Refusal> {
    outcome.map_err(|error| {
        tracing::debug!(%error, "access token not accepted");
        error.into()
    })
}
