//! `POST /auth/register` and `GET /auth/me`: the account of a user.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use service_kit::docs::ProblemDetails;
use service_kit::http::HttpError;
use service_kit::timestamp::rfc3339;
use shared_claims::actix::Authenticated;
use shared_claims::problem::{FieldError, Problem};
use utoipa::ToSchema;
use uuid::Uuid;

use super::body;
use super::caller::{Caller, user_id};
use super::passwords::dead_link;
use crate::accounts::{Accounts, InvalidField, Registration, RegistrationRequest};
use crate::domain::User;

/// A user, as the user and the operators see it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserResponse {
    id: Uuid,
    #[schema(example = "alice")]
    username: String,
    email: Option<String>,
    email_verified: bool,
    is_active: bool,
    roles: Vec<String>,
    #[schema(format = DateTime)]
    created_at: String,
}

impl From<User> for UserResponse {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            username: user.username,
            email: user.email,
            email_verified: user.email_verified,
            is_active: user.is_active,
            roles: user.roles,
            created_at: rfc3339(user.created_at_ms),
        }
    }
}

/// The new user. Unknown members are ignored.
#[derive(Deserialize, ToSchema)]
pub(super) struct RegisterRequest {
    #[schema(example = "alice", min_length = 1, max_length = 100)]
    username: String,
    #[schema(example = "correct horse battery staple", format = Password)]
    password: String,
    #[serde(default)]
    #[schema(example = "alice@example.com")]
    email: Option<String>,
    /// The token of an invitation
    #[serde(default)]
    invitation: Option<String>,
}

/// Registers a user. An address gets a mail with a link that verifies it, unless the invitation was sent there.
#[utoipa::path(
    post,
    path = "/auth/register",
    tag = "account",
    request_body = RegisterRequest,
    responses(
        (status = 201, description = "The user", body = UserResponse),
        (status = 400, response = ProblemDetails),
        (status = 403, response = ProblemDetails),
        (status = 422, response = ProblemDetails),
        (status = 429, response = ProblemDetails),
        (status = 503, response = ProblemDetails),
    )
)]
pub(super) async fn register(
    request: HttpRequest,
    accounts: web::Data<Accounts>,
    Caller(initiator): Caller,
    payload: web::Payload,
) -> Result<HttpResponse, HttpError> {
    let body: RegisterRequest = body::read(&request, payload, accounts.password_rules()).await?;
    let registration = RegistrationRequest {
        username: &body.username,
        password: &body.password,
        email: body.email.as_deref(),
        invitation: body.invitation.as_deref(),
    };
    match accounts.register(registration, &initiator).await? {
        Registration::Registered(user) => Ok(HttpResponse::Created().json(UserResponse::from(*user))),
        Registration::Taken => Err(HttpError::new(StatusCode::BAD_REQUEST, "Username already registered")),
        Registration::Invalid(broken) => Err(invalid(broken)),
        Registration::Closed => {
            let detail = "Registration is closed: ask the operator for an invitation";
            Err(typed_problem(StatusCode::FORBIDDEN, "registration-closed", detail))
        }
        Registration::InvitationDead(dead) => Err(dead_link(dead)),
    }
}

/// A problem of a type of its own, so that a front end can tell it from others of the same status.
pub(super) fn typed_problem(status: StatusCode, name: &str, detail: &str) -> HttpError {
    let problem = HttpError::new(status, detail).problem().clone();
    HttpError::from(Problem { kind: format!("urn:latchkey:problem:{name}"), ..problem })
}

pub(super) fn invalid(broken: Vec<InvalidField>) -> HttpError {
    let errors = broken.into_iter();
    let errors =
        errors.map(|broken| FieldError { field: broken.field.to_owned(), message: broken.rule.to_string() });
    HttpError::from(Problem::validation(errors.collect()))
}

/// Returns the user that the token was issued to.
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
    let user = accounts.find(user_id(&token)?).await?.ok_or_else(HttpError::not_found)?;
    Ok(HttpResponse::Ok().json(UserResponse::from(user)))
}
