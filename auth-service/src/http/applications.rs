//! `GET /auth/applications`, `DELETE /auth/applications/{client_id}`.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use service_kit::docs::ProblemDetails;
use service_kit::http::{HttpError, Path};
use service_kit::timestamp::rfc3339;
use shared_claims::actix::Authenticated;
use utoipa::ToSchema;

use super::caller::{Caller, user_id};
use crate::domain::ClientId;
use crate::tokens::{Application, Tokens};

/// An application, as its user sees it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ApplicationResponse {
    client_id: String,
    #[schema(example = "Shop")]
    name: String,
    /// What it may do.
    #[schema(example = json!(["openid", "profile"]))]
    scopes: Vec<String>,
    #[schema(format = DateTime)]
    allowed_at: String,
    #[schema(format = DateTime)]
    last_used_at: String,
}

impl From<Application> for ApplicationResponse {
    fn from(application: Application) -> Self {
        Self {
            client_id: application.client_id,
            name: application.name,
            scopes: application.scopes.iter().map(str::to_owned).collect(),
            allowed_at: rfc3339(application.allowed_at_ms),
            last_used_at: rfc3339(application.last_used_at_ms),
        }
    }
}

/// Lists the applications that the user is connected to, last used first: those that were allowed something, and those that
/// have a session.
#[utoipa::path(
    get,
    path = "/auth/applications",
    tag = "account",
    security(("bearer" = []), ("password" = [])),
    responses(
        (status = 200, description = "The applications", body = Vec<ApplicationResponse>),
        (status = 401, response = ProblemDetails),
    )
)]
pub(super) async fn list(token: Authenticated, tokens: web::Data<Tokens>) -> Result<HttpResponse, HttpError> {
    let applications = tokens.applications_of(user_id(&token)?).await?.into_iter();
    Ok(HttpResponse::Ok().json(applications.map(ApplicationResponse::from).collect::<Vec<_>>()))
}

/// Disconnects an application: its sessions end, and it has to ask again.
#[utoipa::path(
    delete,
    path = "/auth/applications/{client_id}",
    tag = "account",
    params(("client_id" = String, Path, description = "The application")),
    security(("bearer" = []), ("password" = [])),
    responses(
        (status = 204, description = "Its sessions have ended: its refresh tokens are invalid, and its access tokens are revoked. The codes that it has not redeemed and the consent are gone"),
        (status = 401, response = ProblemDetails),
        (status = 404, response = ProblemDetails),
    )
)]
pub(super) async fn disconnect(
    token: Authenticated,
    tokens: web::Data<Tokens>,
    client_id: Path<String>,
    Caller(initiator): Caller,
) -> Result<HttpResponse, HttpError> {
    let client_id = ClientId::parse(&client_id).map_err(|_| HttpError::not_found())?;
    if !tokens.disconnect(user_id(&token)?, client_id, initiator).await? {
        return Err(HttpError::not_found());
    }
    Ok(HttpResponse::NoContent().finish())
}
