//! `POST /auth/logout`.

use actix_web::{HttpRequest, HttpResponse, web};
use service_kit::http::HttpError;
use shared_claims::actix::{BearerAuth, ProblemResponse};
use shared_claims::claims::Claims;
use uuid::Uuid;

use super::browser::BrowserSessions;
use super::caller::Caller;
use super::cookies::Cookies;
use super::refresh::cleared;
use crate::domain::{EndReason, Initiator};
use crate::tokens::Tokens;
use service_kit::docs::ProblemDetails;

/// Ends the session that the request is made with: that of the token in the header, or those that the cookies name.
#[utoipa::path(
    post,
    path = "/auth/logout",
    tag = "account",
    security(("bearer" = []), ("password" = [])),
    responses(
        (status = 204, description = "The session has ended: its refresh tokens are dead, its access tokens revoked; the cookies are cleared"),
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
    let presented = browser.read(&request).await?;
    if !presented.is_any {
        let verified = bearer.authenticate(&request).await?;
        end_session_of(&tokens, verified.claims(), initiator).await?;
        return Ok(done(&cookies));
    }
    bearer.origins().check(&request)?;
    if presented.end(&tokens, EndReason::Logout, &initiator).await? {
        return Ok(done(&cookies));
    }
    Ok(cleared(&cookies, &ProblemResponse::invalid_token()))
}

async fn end_session_of(tokens: &Tokens, claims: &Claims, initiator: Initiator) -> Result<(), HttpError> {
    let user_id: Uuid = claims.sub.parse().map_err(|_| ProblemResponse::invalid_token())?;
    let session_id = claims.sid.ok_or_else(ProblemResponse::invalid_token)?;
    let session_id = Uuid::from_bytes(*session_id.as_bytes());
    // If the session has ended in the meantime, the logout succeeds as well.
    tokens.end_session(user_id, session_id, EndReason::Logout, initiator).await?;
    Ok(())
}

/// A response 204 that deletes the cookies.
pub(super) fn done(cookies: &Cookies) -> HttpResponse {
    let mut answer = HttpResponse::NoContent();
    cookies.clear(&mut answer);
    answer.finish()
}
