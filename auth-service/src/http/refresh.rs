//! `POST /auth/refresh`: rotates the refresh token in the cookies.

use actix_web::{HttpRequest, HttpResponse, web};
use service_kit::docs::ProblemDetails;
use service_kit::http::HttpError;
use shared_claims::actix::BearerAuth;

use super::browser::{BrowserSessions, Cookies};
use super::caller::Caller;
use super::grants::{bad_refresh_token, rotate};
use crate::tokens::Tokens;

/// Rotates a browser's cookies.
#[utoipa::path(
    post,
    path = "/auth/refresh",
    tag = "browser",
    responses(
        (status = 204, description = "Both cookies are set anew"),
        (status = 400, response = ProblemDetails),
        (status = 401, response = ProblemDetails),
        (status = 403, response = ProblemDetails),
        (status = 429, response = ProblemDetails),
    )
)]
pub(super) async fn refresh(
    request: HttpRequest,
    bearer: web::Data<BearerAuth>,
    tokens: web::Data<Tokens>,
    cookies: web::Data<Cookies>,
    browser: web::Data<BrowserSessions>,
    Caller(initiator): Caller,
) -> Result<HttpResponse, HttpError> {
    let presented = browser.read(&request).await?;
    let Some(token) = presented.refresh.as_deref() else {
        return Ok(cookies.clear_and_refuse(&bad_refresh_token()));
    };
    bearer.origins().check(&request)?;
    if presented.disagrees(&tokens) {
        tracing::warn!("auth.refresh_of_another_session");
        return Ok(cookies.clear_and_refuse(&bad_refresh_token()));
    }
    match rotate(&tokens, token, None, initiator).await {
        Ok(granted) => {
            let mut answer = HttpResponse::NoContent();
            cookies.set(&mut answer, &granted);
            Ok(answer.finish())
        }
        Err(refusal) if refusal.problem().status == 401 => Ok(cookies.clear_and_refuse(&refusal)),
        Err(refusal) => Err(refusal),
    }
}
