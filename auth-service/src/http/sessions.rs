//! `GET /auth/sessions`, `DELETE /auth/sessions`, `DELETE /auth/sessions/{sid}`.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use service_kit::http::{BasePath, HttpError, Path, Query};
use shared_claims::actix::Authenticated;
use shared_claims::claims::Claims;
use uuid::Uuid;

use super::caller::Caller;
use super::cookies::Cookies;
use super::logout::done;
use super::me::user_id;
use super::refuse::not_found;
use super::view::SessionResponse;
use crate::domain::{EndReason, InvalidCursor, PageLimit, SessionCursor};
use crate::tokens::Tokens;
use service_kit::docs::ProblemDetails;

/// Lists the user's sessions, last used first. Where there is more, the header `Link` has the next page's address.
#[utoipa::path(
    get,
    path = "/auth/sessions",
    tag = "account",
    security(("bearer" = []), ("password" = [])),
    params(
        ("limit" = Option<u8>, Query, minimum = 1, maximum = 200, description = "How many: 50 unless said"),
        ("cursor" = Option<String>, Query, description = "From a `Link` header"),
    ),
    responses(
        (
            status = 200,
            description = "The sessions that have not ended",
            body = Vec<SessionResponse>,
            headers(("Link" = String, description = "rel=\"next\"")),
        ),
        (status = 401, response = ProblemDetails),
        (status = 422, response = ProblemDetails),
    )
)]
pub(super) async fn list(
    token: Authenticated,
    tokens: web::Data<Tokens>,
    base_path: BasePath,
    query: Query<Vec<(String, String)>>,
) -> Result<HttpResponse, HttpError> {
    let wanted = WantedPage::read(query.into_inner())?;
    let (sessions, next) = tokens.sessions_of(user_id(&token)?, wanted.after, wanted.limit).await?;
    let current = current_session(&token);
    let mut answer = HttpResponse::Ok();
    if let Some(next) = next {
        let limit = wanted.limit.get();
        let base_path = &*base_path;
        let link = format!("<{base_path}/auth/sessions?limit={limit}&cursor={next}>; rel=\"next\"");
        answer.insert_header((header::LINK, link));
    }
    let sessions = sessions.into_iter().map(|session| SessionResponse::of(session, current));
    Ok(answer.json(sessions.collect::<Vec<_>>()))
}

/// The page that the request asks for. Unknown query parameters are ignored.
struct WantedPage {
    after: Option<SessionCursor>,
    limit: PageLimit,
}

impl WantedPage {
    fn read(pairs: Vec<(String, String)>) -> Result<Self, HttpError> {
        let (mut limit, mut after) = (None, None);
        for (name, value) in pairs {
            let is_again = match name.as_str() {
                "limit" => {
                    let parsed = PageLimit::parse(&value);
                    limit
                        .replace(parsed.map_err(|invalid| HttpError::field("limit", invalid.to_string()))?)
                        .is_some()
                }
                "cursor" => {
                    let parsed = value.parse();
                    let refuse = |invalid: InvalidCursor| HttpError::field("cursor", invalid.to_string());
                    after.replace(parsed.map_err(refuse)?).is_some()
                }
                _ => false,
            };
            if is_again {
                return Err(HttpError::field(name, "is given twice"));
            }
        }
        Ok(Self { after, limit: limit.unwrap_or_default() })
    }
}

/// Ends one of the user's sessions.
#[utoipa::path(
    delete,
    path = "/auth/sessions/{sid}",
    tag = "account",
    params(("sid" = Uuid, Path, description = "The session")),
    security(("bearer" = []), ("password" = [])),
    responses(
        (status = 204, description = "It has ended"),
        (status = 401, response = ProblemDetails),
        (status = 404, response = ProblemDetails),
    )
)]
pub(super) async fn end(
    token: Authenticated,
    tokens: web::Data<Tokens>,
    cookies: web::Data<Cookies>,
    session_id: Path<Uuid>,
    Caller(initiator): Caller,
) -> Result<HttpResponse, HttpError> {
    let (user_id, session_id) = (user_id(&token)?, session_id.into_inner());
    if !tokens.end_session(user_id, session_id, EndReason::EndedByUser, initiator).await? {
        return Err(not_found());
    }
    if current_session(&token) == Some(session_id) {
        return Ok(done(&cookies));
    }
    Ok(HttpResponse::NoContent().finish())
}

/// Ends every session of the user but the one that the request is made with.
#[utoipa::path(
    delete,
    path = "/auth/sessions",
    tag = "account",
    security(("bearer" = []), ("password" = [])),
    responses(
        (status = 204, description = "All others have ended: their refresh tokens are dead, their access tokens revoked"),
        (status = 401, response = ProblemDetails),
        (status = 403, response = ProblemDetails),
    )
)]
pub(super) async fn end_others(
    token: Authenticated,
    tokens: web::Data<Tokens>,
    Caller(initiator): Caller,
) -> Result<HttpResponse, HttpError> {
    let kept =
        current_session(&token).ok_or_else(|| HttpError::internal("a first-party token of no session"))?;
    tokens.end_other_sessions(user_id(&token)?, kept, initiator).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The session that the token belongs to.
fn current_session(claims: &Claims) -> Option<Uuid> {
    claims.sid.map(|sid| Uuid::from_bytes(*sid.as_bytes()))
}
