//! `GET /auth/me`.

use actix_web::{HttpResponse, web};
use service_kit::http::HttpError;
use shared_claims::actix::Authenticated;
use shared_claims::claims::Claims;
use uuid::Uuid;

use super::refuse::not_found;
use super::view::UserResponse;
use crate::accounts::Accounts;
use service_kit::docs::ProblemDetails;

/// Tells who the token is about.
#[utoipa::path(
    get,
    path = "/auth/me",
    tag = "account",
    security(("bearer" = []), ("password" = [])),
    responses(
        (status = 200, description = "The user", body = UserResponse),
        (status = 401, response = ProblemDetails),
    )
)]
pub(super) async fn me(
    token: Authenticated,
    accounts: web::Data<Accounts>,
) -> Result<HttpResponse, HttpError> {
    // The tokens of a deleted user are refused before the handler runs.
    let user = accounts.find(user_id(&token)?).await?.ok_or_else(not_found)?;
    Ok(HttpResponse::Ok().json(UserResponse::from(user)))
}

/// The user id in a first-party token.
pub(super) fn user_id(claims: &Claims) -> Result<Uuid, HttpError> {
    claims.sub.parse().map_err(|_| HttpError::internal("the subject of a first-party token is no user"))
}
