//! `POST /auth/register`.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use service_kit::http::HttpError;
use shared_claims::problem::{FieldError, Problem};
use utoipa::ToSchema;

use super::body;
use super::caller::Caller;
use super::view::UserResponse;
use crate::accounts::{Accounts, InvalidField, Registration, RegistrationRequest};
use service_kit::docs::ProblemDetails;

/// Members that are not named here are ignored.
#[derive(Deserialize, ToSchema)]
pub(super) struct RegisterRequest {
    #[schema(example = "alice", min_length = 1, max_length = 100)]
    username: String,
    #[schema(example = "correct horse battery staple", format = Password)]
    password: String,
    #[serde(default)]
    #[schema(example = "alice@example.com")]
    email: Option<String>,
}

/// Registers a user.
#[utoipa::path(
    post,
    path = "/auth/register",
    tag = "account",
    request_body = RegisterRequest,
    responses(
        (status = 201, description = "The user", body = UserResponse),
        (status = 400, response = ProblemDetails),
        (status = 422, response = ProblemDetails),
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
    let given = RegistrationRequest {
        username: &body.username,
        password: &body.password,
        email: body.email.as_deref(),
    };
    match accounts.register(given, &initiator).await? {
        Registration::Registered(user) => Ok(HttpResponse::Created().json(UserResponse::from(*user))),
        Registration::Taken => Err(HttpError::new(StatusCode::BAD_REQUEST, "Username already registered")),
        Registration::Invalid(broken) => Err(invalid(broken)),
    }
}

fn invalid(broken: Vec<InvalidField>) -> HttpError {
    let errors = broken.into_iter();
    let errors = errors.map(|rule| FieldError { field: rule.field.to_owned(), message: rule.message });
    HttpError::from(Problem::validation(errors.collect()))
}
