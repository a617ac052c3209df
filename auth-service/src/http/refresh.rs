//! `POST /auth/refresh`: rotates the refresh token in the cookies.

use actix_web::{HttpRequest, HttpResponse, web};
use service_kit::docs::ProblemDetails;
use service_kit::http::HttpError;
use shared_claims::actix::BearerAuth;

use super::browser::{BrowserSessions, Cookies};
use super::caller::Caller;
use super::grants::{bad_refresh_token, rotate};
use crate::tokens::Tokens;

/// Rotates the refresh token of a browser, and sets both cookies again.
#[utoipa::path(
    post,
    path = "/auth/refresh",
    tag = "browser",
    responses(
        (status = 204, description = "Both cookies are set again"),
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
    let named = browser.read(&request).await?;
    let Some(token) = named.refresh.as_deref() else {
        return Ok(cookies.clear_and_refuse(&bad_refresh_token()));
    };
    bearer.origins().check(&request)?;
    if named.name_different_sessions(&tokens) {
        tracing::warn!("auth.refresh_of_another_session");
        return Ok(cookies.clear_and_refuse(&bad_refresh_token()));
    }
    match rotate(&tokens, token, None, initiator).await {
        Ok(issued) => {
            let mut response = HttpResponse::NoContent();
            cookies.set(&mut response, &issued);
            Ok(response.finish())
        }
        Err(error) if error.problem().status == 401 => Ok(cookies.clear_and_refuse(&error)),
        Err(error) => Err(error),
    }
}
