//! `POST /auth/logout`.

use actix_web::http::header::AUTHORIZATION;
use actix_web::{Error, HttpRequest, HttpResponse, web};
use shared_claims::actix::{BearerAuth, ProblemResponse};
use shared_claims::claims::{Claims, FIRST_PARTY_CLIENT};
use uuid::Uuid;

use super::caller::Caller;
use super::cookies::Cookies;
use super::refresh::cleared;
use crate::domain::{EndReason, Origin, RefreshTokenPlain};
use crate::tokens::Tokens;
use service_kit::docs::Refused;

/// Ends the session that the request is made with.
#[utoipa::path(
    post,
    path = "/auth/logout",
    tag = "account",
    security(("bearer" = []), ("password" = [])),
    responses(
        (status = 204, description = "The session has ended: its refresh tokens are dead, its access tokens revoked; the cookies are cleared"),
        (status = 401, response = Refused),
        (status = 403, response = Refused),
    )
)]
pub(super) async fn logout(
    request: HttpRequest,
    bearer: web::Data<BearerAuth>,
    tokens: web::Data<Tokens>,
    cookies: web::Data<Cookies>,
    Caller(origin): Caller,
) -> Result<HttpResponse, Error> {
    let by_header = request.headers().contains_key(AUTHORIZATION);
    let refused = match bearer.authenticate(&request).await {
        Ok(verified) => {
            end_session_of(&tokens, verified.claims(), origin).await?;
            return Ok(done(**cookies));
        }
        Err(refused) if by_header || refused.problem().status != 401 => return Err(refused.into()),
        Err(refused) => refused,
    };
    // The access cookie is gone or has expired: the refresh cookie says it too.
    if let Some(presented) = cookies.refresh_token(&request) {
        bearer.origins().check(&request)?;
        let ended = match RefreshTokenPlain::parse(&presented) {
            Some(token) => {
                tokens.end_session_of(token, FIRST_PARTY_CLIENT.to_owned(), EndReason::Logout, origin).await
            }
            None => Ok(None),
        };
        if ended.map_err(service_kit::http::Refusal::from)?.is_some() {
            return Ok(done(**cookies));
        }
        return Ok(cleared(**cookies, &ProblemResponse::invalid_token()));
    }
    if cookies.has_access_token(&request) {
        return Ok(cleared(**cookies, &refused));
    }
    Err(refused.into())
}

async fn end_session_of(tokens: &Tokens, claims: &Claims, origin: Origin) -> Result<(), Error> {
    let user_id: Uuid = claims.sub.parse().map_err(|_| ProblemResponse::invalid_token())?;
    let session_id = claims.sid.ok_or_else(ProblemResponse::invalid_token)?;
    let session_id = Uuid::from_bytes(*session_id.as_bytes());
    let ended = tokens.end_session(user_id, session_id, EndReason::Logout, origin).await;
    // One that ended meanwhile has ended.
    ended.map_err(service_kit::http::Refusal::from)?;
    Ok(())
}

/// 204, without cookies.
pub(super) fn done(cookies: Cookies) -> HttpResponse {
    let mut answer = HttpResponse::NoContent();
    cookies.clear(&mut answer);
    answer.finish()
}
