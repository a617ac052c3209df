//! `POST /auth/logout` and `POST /auth/logout-all`.

use actix_web::{HttpRequest, HttpResponse, web};
use service_kit::docs::ProblemDetails;
use service_kit::http::HttpError;
use shared_claims::actix::{Authenticated, BearerAuth, ProblemResponse};
use shared_claims::claims::Claims;
use uuid::Uuid;

use super::browser::{BrowserSessions, Cookies};
use super::caller::{Caller, user_id};
use crate::domain::{EndReason, Initiator};
use crate::tokens::Tokens;

/// Ends the session of the token in the header, or the sessions that the cookies name.
#[utoipa::path(
    post,
    path = "/auth/logout",
    tag = "account",
    security(("bearer" = []), ("password" = [])),
    responses(
        (status = 204, description = "The session has ended: its refresh tokens are invalid, and its access tokens are revoked. The cookies are cleared"),
        (status = 400, response = ProblemDetails),
        (status = 401, response = ProblemDetails),
        (status = 403, response = ProblemDetails),
    )
)]
pub(super) async fn logout(
    request: HttpRequest,
    bearer: web::Data<BearerAuth>,
    tokens: web::Data<Tokens>,
    cookies: web::Data<Cookies>,
    browser: web::Data<BrowserSessions>,
    Caller(initiator): Caller,
) -> Result<HttpResponse, HttpError> {
    let named = browser.read(&request).await?;
    if !named.has_cookie {
        let verified = bearer.authenticate(&request).await?;
        end_session_of(&tokens, verified.claims(), initiator).await?;
        return Ok(cookies.clear_and_confirm());
    }
    bearer.origins().check(&request)?;
    if named.end(&tokens, EndReason::Logout, &initiator).await? {
        return Ok(cookies.clear_and_confirm());
    }
    Ok(cookies.clear_and_refuse(&ProblemResponse::invalid_token().into()))
}

async fn end_session_of(tokens: &Tokens, claims: &Claims, initiator: Initiator) -> Result<(), HttpError> {
    let user_id: Uuid = claims.sub.parse().map_err(|_| ProblemResponse::invalid_token())?;
    let session_id = claims.sid.ok_or_else(ProblemResponse::invalid_token)?;
    let session_id = Uuid::from_bytes(*session_id.as_bytes());
    // If the session has ended in the meantime, the logout succeeds as well.
    tokens.end_session(user_id, session_id, EndReason::Logout, initiator).await?;
    Ok(())
}

/// Ends every session of the user, and revokes every token.
#[utoipa::path(
    post,
    path = "/auth/logout-all",
    tag = "account",
    security(("bearer" = []), ("password" = [])),
    responses(
        (status = 204, description = "Every session has ended"),
        (status = 401, response = ProblemDetails),
    )
)]
pub(super) async fn logout_all(
    token: Authenticated,
    request: HttpRequest,
    tokens: web::Data<Tokens>,
    cookies: web::Data<Cookies>,
    browser: web::Data<BrowserSessions>,
    Caller(initiator): Caller,
) -> Result<HttpResponse, HttpError> {
    let named = browser.read(&request).await?;
    tokens.end_all_sessions(user_id(&token)?, initiator.clone()).await?;
    // The refresh cookie may belong to another user, so its session is ended separately.
    named.end(&tokens, EndReason::Logout, &initiator).await?;
    Ok(cookies.clear_and_confirm())
}
