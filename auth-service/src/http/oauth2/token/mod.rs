//! `POST /oauth2/token` (RFC 6749 §3.2): one file for each grant.

mod authorization_code;
mod client_credentials;
mod password;
mod refresh_token;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use shared_claims::scope::Scopes;
use utoipa::ToSchema;

use super::client::{ClientAuth, KnownClient};
use super::credentials::FormCredentials;
use super::error::{OauthError, OauthErrorBody};
use super::form::OauthForm;
use crate::accounts::Accounts;
use crate::domain::{GrantType, Initiator};
use crate::http::caller::Caller;
use crate::tokens::{AccessRequest, ExceedsGrant, IssuedTokens, Tokens};

/// The parameters. A client authenticates by HTTP Basic (id and secret form-encoded) or by `client_id` and
/// `client_secret`; a public one gives its `client_id` alone.
#[derive(Deserialize, ToSchema)]
pub(crate) struct GrantRequest {
    /// `authorization_code`, `client_credentials`, `refresh_token` or `password`
    #[schema(value_type = String, example = "client_credentials")]
    grant_type: Option<String>,
    client_id: Option<String>,
    #[schema(format = Password)]
    client_secret: Option<String>,
    /// Less than everything that the client may have
    #[schema(example = "todos:read")]
    scope: Option<String>,
    /// Which of the client's audiences the token is for (RFC 8707); may be given several times
    #[schema(value_type = Option<String>, example = "todo-service")]
    resource: Vec<String>,
    code: Option<String>,
    redirect_uri: Option<String>,
    code_verifier: Option<String>,
    refresh_token: Option<String>,
    username: Option<String>,
    #[schema(format = Password)]
    password: Option<String>,
}

/// The answer (RFC 6749 §5.1).
#[derive(Serialize, ToSchema)]
pub(crate) struct GrantResponse {
    access_token: String,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Seconds until the access token ends
    #[schema(example = 900)]
    expires_in: i64,
    /// Where the client may refresh
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[serde(skip_serializing_if = "Scopes::is_empty")]
    #[schema(value_type = String, example = "todos:read")]
    scope: Scopes,
}

impl From<IssuedTokens> for GrantResponse {
    fn from(tokens: IssuedTokens) -> Self {
        Self {
            access_token: tokens.access_token,
            token_type: "Bearer",
            expires_in: tokens.expires_in,
            refresh_token: tokens.refresh.map(|refresh| refresh.token.expose().to_owned()),
            scope: tokens.scope,
        }
    }
}

/// A token request of a client that may use the grant type.
struct Exchange<'a> {
    client: KnownClient,
    form: &'a GrantRequest,
    tokens: &'a Tokens,
    accounts: &'a Accounts,
    initiator: Initiator,
}

impl Exchange<'_> {
    /// The scope and the resources that the request asks for.
    fn access(&self) -> Result<AccessRequest, OauthError> {
        let scope = self.form.scope.as_deref().map(Scopes::parse).transpose();
        let resources = self.form.resource.clone();
        Ok(AccessRequest { scope: scope.map_err(|_| OauthError::InvalidScope)?, resources })
    }
}

/// The value of a parameter that the grant type requires.
fn required<'a>(value: Option<&'a String>, missing: &'static str) -> Result<&'a str, OauthError> {
    value.map(String::as_str).ok_or(OauthError::InvalidRequest(missing))
}

impl From<ExceedsGrant> for OauthError {
    fn from(what: ExceedsGrant) -> Self {
        match what {
            ExceedsGrant::Scope => Self::InvalidScope,
            ExceedsGrant::Resource => Self::InvalidTarget,
        }
    }
}

/// Gives a client tokens for what it brings.
#[utoipa::path(
    post,
    path = "/oauth2/token",
    tag = "oauth2",
    request_body(content = GrantRequest, content_type = "application/x-www-form-urlencoded"),
    security((), ("client" = [])),
    responses(
        (status = 200, description = "The tokens", body = GrantResponse),
        (status = 400, description = "`invalid_request`, `invalid_grant`, `unauthorized_client`, `unsupported_grant_type`, `invalid_scope` or `invalid_target`", body = OauthErrorBody),
        (status = 401, description = "`invalid_client`", body = OauthErrorBody),
        (status = 413, description = "`invalid_request`", body = OauthErrorBody),
        (status = 429, description = "`temporarily_unavailable`", body = OauthErrorBody),
        (status = 503, description = "`temporarily_unavailable`", body = OauthErrorBody),
    )
)]
pub(crate) async fn token(
    request: HttpRequest,
    clients: web::Data<ClientAuth>,
    tokens: web::Data<Tokens>,
    accounts: web::Data<Accounts>,
    Caller(initiator): Caller,
    OauthForm(form): OauthForm<GrantRequest>,
) -> Result<HttpResponse, OauthError> {
    let credentials =
        FormCredentials { id: form.client_id.as_deref(), secret: form.client_secret.as_deref() };
    let client = clients.authenticate(&request, credentials, &initiator).await?;
    let grant = form.grant_type.as_deref().ok_or(OauthError::InvalidRequest("grant_type is required"))?;
    let grant = GrantType::parse(grant).ok_or(OauthError::UnsupportedGrantType)?;
    if !client.client().may(grant) {
        return Err(OauthError::UnauthorizedClient);
    }
    let exchange = Exchange { client, form: &form, tokens: &tokens, accounts: &accounts, initiator };
    let answer = match grant {
        GrantType::ClientCredentials => client_credentials::exchange(&exchange).await,
        GrantType::RefreshToken => refresh_token::exchange(exchange).await,
        GrantType::Password => password::exchange(exchange).await,
        GrantType::AuthorizationCode => authorization_code::exchange(exchange).await,
    };
    Ok(HttpResponse::Ok().json(GrantResponse::from(answer?)))
}
