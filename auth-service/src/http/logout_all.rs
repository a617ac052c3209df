//! `POST /auth/logout-all`.

use actix_web::{HttpRequest, HttpResponse, web};
use service_kit::http::HttpError;
use shared_claims::actix::Authenticated;

use super::browser::BrowserSessions;
use super::caller::Caller;
use super::cookies::Cookies;
use super::logout::done;
use super::me::user_id;
use crate::domain::EndReason;
use crate::tokens::Tokens;
use service_kit::docs::ProblemDetails;

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
    let presented = browser.read(&request).await?;
    tokens.end_all_sessions(user_id(&token)?, initiator.clone()).await?;
    // The refresh cookie may belong to another user, so its session is ended separately.
    presented.end(&tokens, EndReason::Logout, &initiator).await?;
    Ok(done(&cookies))
}
