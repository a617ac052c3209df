//! `POST /auth/token`: exchanges a password or a refresh token for tokens.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use service_kit::http::{Form, HttpError};
use shared_claims::problem::{FieldError, Problem};
use shared_claims::scope::Scopes;
use utoipa::ToSchema;

use super::caller::Caller;
use super::grants::{log_in, rotate, unknown_scope};
use crate::accounts::Accounts;
use crate::tokens::{IssuedTokens, Tokens};
use service_kit::docs::ProblemDetails;

/// The parameters. Client credentials, which some libraries send too, are ignored, because all callers are the same
/// first-party client.
#[derive(Deserialize, ToSchema)]
pub(super) struct TokenRequest {
    /// `password` (the default) or `refresh_token`
    #[schema(example = "password")]
    grant_type: Option<String>,
    #[schema(example = "alice")]
    username: Option<String>,
    #[schema(example = "correct horse battery staple", format = Password)]
    password: Option<String>,
    refresh_token: Option<String>,
    /// A part of the default scope
    #[schema(example = "todos:read")]
    scope: Option<String>,
}

/// The response (RFC 6749 §5.1).
#[derive(Serialize, ToSchema)]
pub(super) struct TokenResponse {
    access_token: String,
    #[schema(example = "bearer")]
    token_type: &'static str,
    /// Seconds until the access token expires
    #[schema(example = 900)]
    expires_in: i64,
    #[schema(example = "lkr_…")]
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[schema(example = "openid profile todos:read todos:write")]
    scope: String,
}

impl From<IssuedTokens> for TokenResponse {
    fn from(tokens: IssuedTokens) -> Self {
        Self {
            access_token: tokens.access_token,
            token_type: "bearer",
            expires_in: tokens.expires_in,
            refresh_token: tokens.refresh.map(|refresh| refresh.token.expose().to_owned()),
            scope: tokens.scope.to_string(),
        }
    }
}

/// Exchanges a password or a refresh token for tokens.
#[utoipa::path(
    post,
    path = "/auth/token",
    tag = "token",
    request_body(content = TokenRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The tokens", body = TokenResponse),
        (status = 400, response = ProblemDetails),
        (status = 401, response = ProblemDetails),
        (status = 403, response = ProblemDetails),
        (status = 422, response = ProblemDetails),
        (status = 429, response = ProblemDetails),
        (status = 503, response = ProblemDetails),
    )
)]
pub(super) async fn token(
    accounts: web::Data<Accounts>,
    tokens: web::Data<Tokens>,
    caller: Caller,
    form: Form<TokenRequest>,
) -> Result<HttpResponse, HttpError> {
    let form = form.into_inner();
    let scope = requested_scope(form.scope.as_deref(), &tokens)?;
    let issued = match form.grant_type.as_deref() {
        None | Some("" | "password") => {
            let (username, password) = username_and_password(form.username, form.password)?;
            let scope = scope.unwrap_or_else(|| tokens.default_scope().clone());
            log_in(&accounts, &tokens, &username, &password, scope, caller).await?.tokens
        }
        Some("refresh_token") => {
            let Some(presented) = form.refresh_token else {
                return Err(HttpError::field("refresh_token", "is required"));
            };
            rotate(&tokens, &presented, scope, caller.0).await?
        }
        Some(_) => return Err(HttpError::field("grant_type", "must be password or refresh_token")),
    };
    Ok(HttpResponse::Ok().json(TokenResponse::from(issued)))
}

/// The scope that the request asks for. An empty scope counts as none.
fn requested_scope(scope: Option<&str>, tokens: &Tokens) -> Result<Option<Scopes>, HttpError> {
    let Some(scope) = scope.filter(|scope| !scope.is_empty()) else { return Ok(None) };
    match Scopes::parse(scope) {
        Ok(scope) if scope.is_subset(tokens.default_scope()) => Ok(Some(scope)),
        _ => Err(unknown_scope()),
    }
}

fn username_and_password(
    username: Option<String>,
    password: Option<String>,
) -> Result<(String, String), HttpError> {
    let missing = |field: &str| FieldError { field: field.to_owned(), message: "is required".to_owned() };
    match (username, password) {
        (Some(username), Some(password)) => Ok((username, password)),
        (username, password) => {
            let username = username.is_none().then(|| missing("username"));
            let password = password.is_none().then(|| missing("password"));
            Err(Problem::validation(username.into_iter().chain(password).collect()).into())
        }
    }
}
