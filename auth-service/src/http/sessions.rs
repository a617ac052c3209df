//! `GET /auth/sessions`, `DELETE /auth/sessions`, `DELETE /auth/sessions/{sid}`.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use serde::Serialize;
use service_kit::docs::ProblemDetails;
use service_kit::http::{BasePath, HttpError, Path, Query};
use service_kit::timestamp::rfc3339;
use shared_claims::actix::Authenticated;
use utoipa::ToSchema;
use uuid::Uuid;

use super::browser::Cookies;
use super::caller::{Caller, current_session, user_id};
use crate::domain::{
    self, EndReason, InvalidCursor, ListedSession, PageLimit, SessionCursor, SessionListing, device_name,
};
use crate::tokens::Tokens;

/// What a session is of.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum SessionKind {
    /// A front end of this product.
    FirstParty,
    /// A browser, at the hosted pages. Sessions of clients that came from it end with it.
    Browser,
    /// A registered client.
    Client,
}

impl From<domain::SessionKind> for SessionKind {
    fn from(kind: domain::SessionKind) -> Self {
        match kind {
            domain::SessionKind::FirstParty => Self::FirstParty,
            domain::SessionKind::Browser => Self::Browser,
            domain::SessionKind::Client => Self::Client,
        }
    }
}

/// A session, as its user sees it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SessionResponse {
    id: Uuid,
    kind: SessionKind,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    last_used_at: String,
    /// Null for a browser.
    #[schema(example = "first-party")]
    client_id: Option<String>,
    /// The device in words, read from the user agent; null if it is not known.
    #[schema(example = "Firefox on Linux")]
    device: Option<String>,
    user_agent: Option<String>,
    address: Option<String>,
    /// Whether this request belongs to it.
    current: bool,
}

impl SessionResponse {
    pub(super) fn of(session: ListedSession, current: Option<Uuid>) -> Self {
        Self {
            id: session.id,
            kind: session.kind().into(),
            created_at: rfc3339(session.created_at_ms),
            last_used_at: rfc3339(session.last_used_at_ms),
            client_id: session.client_id,
            device: session.device.user_agent.as_deref().and_then(device_name),
            user_agent: session.device.user_agent,
            address: session.device.address,
            current: current == Some(session.id),
        }
    }
}

/// Lists the user's sessions, last used first. If there are more, the header `Link` has the URL of the next page.
#[utoipa::path(
    get,
    path = "/auth/sessions",
    tag = "account",
    security(("bearer" = []), ("password" = [])),
    params(
        ("limit" = Option<u8>, Query, minimum = 1, maximum = 200, description = "The most sessions of a page; 50 by default"),
        ("cursor" = Option<String>, Query, description = "The cursor from a `Link` header"),
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
    let page = PageRequest::read(query.into_inner())?;
    let (sessions, next) =
        tokens.sessions_of(user_id(&token)?, SessionListing::All, page.after, page.limit).await?;
    let current = current_session(&token);
    let mut response = HttpResponse::Ok();
    if let Some(next) = next {
        let limit = page.limit.get();
        let base_path = &*base_path;
        let link = format!("<{base_path}/auth/sessions?limit={limit}&cursor={next}>; rel=\"next\"");
        response.insert_header((header::LINK, link));
    }
    let sessions = sessions.into_iter().map(|session| SessionResponse::of(session, current));
    Ok(response.json(sessions.collect::<Vec<_>>()))
}

/// The page that the request asks for. Unknown query parameters are ignored.
struct PageRequest {
    after: Option<SessionCursor>,
    limit: PageLimit,
}

impl PageRequest {
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

/// Ends one of the user's sessions; a browser session with everything below it.
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
        return Err(HttpError::not_found());
    }
    if current_session(&token) == Some(session_id) {
        return Ok(cookies.clear_and_confirm());
    }
    Ok(HttpResponse::NoContent().finish())
}

/// Ends every session of the user except the one of this request.
#[utoipa::path(
    delete,
    path = "/auth/sessions",
    tag = "account",
    security(("bearer" = []), ("password" = [])),
    responses(
        (status = 204, description = "All others have ended: their refresh tokens are invalid, and their access tokens are revoked"),
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
