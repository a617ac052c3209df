//! `POST /auth/refresh`: rotates the refresh token in the cookies. Also the rotation itself, which `/auth/token`
//! shares.

use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use service_kit::http::HttpError;
use shared_claims::actix::BearerAuth;
use shared_claims::scope::Scopes;

use super::browser::BrowserSessions;
use super::caller::Caller;
use super::cookies::Cookies;
use super::refuse::{self, bad_refresh_token, unknown_scope};
use crate::domain::{Initiator, RefreshTokenPlain};
use crate::tokens::{AccessRequest, IssuedTokens, RefreshOutcome, Tokens};
use service_kit::docs::ProblemDetails;

/// Rotates a refresh token.
pub(super) async fn rotate(
    tokens: &Tokens,
    presented: &str,
    scope: Option<Scopes>,
    initiator: Initiator,
) -> Result<IssuedTokens, HttpError> {
    let Some(presented) = RefreshTokenPlain::parse(presented) else { return Err(bad_refresh_token()) };
    let access = AccessRequest { scope, resources: Vec::new() };
    match tokens.refresh(presented, tokens.first_party_policy(), access, initiator).await? {
        RefreshOutcome::Issued { user_id, session_id, is_replay, tokens } => {
            tracing::info!(%user_id, %session_id, is_replay, "auth.refresh");
            Ok(*tokens)
        }
        RefreshOutcome::Reused | RefreshOutcome::InvalidToken => Err(bad_refresh_token()),
        RefreshOutcome::ExceedsGrant(_) => Err(unknown_scope()),
        RefreshOutcome::Throttled(throttled) => Err(refuse::throttled(throttled)),
    }
}

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
        return Ok(cleared(&cookies, &bad_refresh_token()));
    };
    bearer.origins().check(&request)?;
    if presented.disagrees(&tokens) {
        tracing::warn!("auth.refresh_of_another_session");
        return Ok(cleared(&cookies, &bad_refresh_token()));
    }
    match rotate(&tokens, token, None, initiator).await {
        Ok(granted) => {
            let mut answer = HttpResponse::NoContent();
            cookies.set(&mut answer, &granted);
            Ok(answer.finish())
        }
        Err(refusal) if refusal.problem().status == 401 => Ok(cleared(&cookies, &refusal)),
        Err(refusal) => Err(refusal),
    }
}

/// The response for a refusal, which also deletes the cookies.
pub(super) fn cleared(cookies: &Cookies, refusal: &dyn ResponseError) -> HttpResponse {
    let mut response = refusal.error_response();
    for cookie in cookies.cleared() {
        // Fails only if a cookie's name or value is not a valid header value. Both are constants of this service.
        if let Err(error) = response.add_cookie(&cookie) {
            tracing::error!(%error, "cookie.not_cleared");
        }
    }
    response
}
