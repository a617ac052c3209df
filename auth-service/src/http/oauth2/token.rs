//! `POST /oauth2/token` (RFC 6749 §3.2): the endpoint, and a function for each grant type.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use shared_claims::scope::Scopes;
use utoipa::ToSchema;

use super::client_auth::{AuthenticatedClient, ClientAuth, FormCredentials};
use super::error::{OauthError, OauthErrorBody};
use super::form::OauthForm;
use crate::accounts::{Accounts, Authentication};
use crate::domain::{CodePlain, GrantType, Initiator, LoginSource, RefreshTokenPlain};
use crate::http::caller::Caller;
use crate::tokens::{
    AccessRequest, ExceedsGrant, IssuedTokens, LoginOutcome, RedeemOutcome, RedeemRequest, RefreshOutcome,
    Tokens,
};

/// The parameters. A client authenticates by HTTP Basic (id and secret form-encoded) or by `client_id` and
/// `client_secret`; a public client sends only its `client_id`.
#[derive(Deserialize, ToSchema)]
pub(crate) struct GrantRequest {
    /// `authorization_code`, `client_credentials`, `refresh_token` or `password`
    #[schema(value_type = String, example = "client_credentials")]
    grant_type: Option<String>,
    client_id: Option<String>,
    #[schema(format = Password)]
    client_secret: Option<String>,
    /// A part of the scope that the client may be granted
    #[schema(example = "todos:read")]
    scope: Option<String>,
    /// The audience of the token (RFC 8707), one of the client's. May occur more than once
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

/// The response (RFC 6749 §5.1).
#[derive(Serialize, ToSchema)]
pub(crate) struct GrantResponse {
    access_token: String,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Seconds until the access token expires
    #[schema(example = 900)]
    expires_in: i64,
    /// Only for clients that may refresh
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    /// Only where the user signed in on a hosted page and the scope has `openid`
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
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
            id_token: tokens.id_token,
            scope: tokens.scope,
        }
    }
}

/// A token request of a client that may use the grant type.
struct GrantContext<'a> {
    client: AuthenticatedClient,
    form: &'a GrantRequest,
    tokens: &'a Tokens,
    accounts: &'a Accounts,
    initiator: Initiator,
}

impl GrantContext<'_> {
    /// The scope and the resources that the request asks for.
    fn access_request(&self) -> Result<AccessRequest, OauthError> {
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

/// Exchanges a grant of the client for tokens.
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
    let context = GrantContext { client, form: &form, tokens: &tokens, accounts: &accounts, initiator };
    let issued = match grant {
        GrantType::ClientCredentials => client_credentials(&context).await,
        GrantType::RefreshToken => refresh_token(context).await,
        GrantType::Password => password(context).await,
        GrantType::AuthorizationCode => authorization_code(context).await,
    };
    Ok(HttpResponse::Ok().json(GrantResponse::from(issued?)))
}

/// `grant_type=client_credentials` (RFC 6749 §4.4): a service gets a token in its own name. Runs no database query of its
/// own.
async fn client_credentials(context: &GrantContext<'_>) -> Result<IssuedTokens, OauthError> {
    let client = context.client.client();
    // A public client has no secret, so anyone could use its id.
    if client.is_public {
        return Err(OauthError::UnauthorizedClient);
    }
    let policy = context.tokens.policy_of(client);
    let granted = context.access_request()?.within(policy.allowed_to_client())?;
    Ok(context.tokens.issue_client_token(&policy, granted, context.client.as_of_ms).await?)
}

/// `grant_type=refresh_token` (RFC 6749 §6): the token is bound to its client, scope and session.
async fn refresh_token(context: GrantContext<'_>) -> Result<IssuedTokens, OauthError> {
    let presented = required(context.form.refresh_token.as_ref(), "refresh_token is required")?;
    let presented = RefreshTokenPlain::parse(presented).ok_or(OauthError::InvalidGrant)?;
    let policy = context.tokens.policy_of(context.client.client());
    let access = context.access_request()?;
    match context.tokens.refresh(presented, policy, access, context.initiator).await? {
        RefreshOutcome::Issued { user_id, session_id, is_replay, tokens } => {
            tracing::info!(%user_id, %session_id, is_replay, client_id = context.client.id(), "oauth2.refresh");
            Ok(*tokens)
        }
        RefreshOutcome::Reused | RefreshOutcome::InvalidToken => Err(OauthError::InvalidGrant),
        RefreshOutcome::ExceedsGrant(what) => Err(what.into()),
        RefreshOutcome::Throttled(throttled) => Err(OauthError::Throttled(throttled)),
    }
}

/// `grant_type=password` (RFC 6749 §4.3). A client has this grant type only if an operator adds it.
///
/// At present a user authenticates with a password only. Once there are second factors, a user who has one cannot log
/// in here: [`Accounts::authenticate`] will require the second factor, and this grant type has no way to ask for it.
async fn password(context: GrantContext<'_>) -> Result<IssuedTokens, OauthError> {
    let username = required(context.form.username.as_ref(), "username is required")?;
    let password = required(context.form.password.as_ref(), "password is required")?;
    let access = context.access_request()?;
    // Checked before the cost of verifying the password. The check that counts is made again when the session begins.
    access.within(context.tokens.policy_of(context.client.client()).allowed())?;
    let client_id = context.client.id();
    // The users do not call by themselves: the address is that of the client.
    let source = LoginSource::Client(client_id.to_owned());
    let authentication =
        context.accounts.authenticate(username, password, client_id, source, &context.initiator);
    let credentials = match authentication.await? {
        Authentication::Verified(credentials) => credentials,
        Authentication::Refused | Authentication::EmailNotVerified => return Err(OauthError::InvalidGrant),
    };
    match context.tokens.log_in(credentials, client_id.to_owned(), access, context.initiator.clone()).await? {
        LoginOutcome::Issued { tokens, .. } => Ok(*tokens),
        LoginOutcome::CredentialsChanged => Err(OauthError::InvalidGrant),
        LoginOutcome::ClientEnded => Err(OauthError::InvalidClient),
        LoginOutcome::ExceedsGrant(what) => Err(what.into()),
    }
}

/// `grant_type=authorization_code` (RFC 6749 §4.1.3, RFC 7636): exchanges a code from the hosted pages.
async fn authorization_code(context: GrantContext<'_>) -> Result<IssuedTokens, OauthError> {
    let code = required(context.form.code.as_ref(), "code is required")?;
    let request = RedeemRequest {
        code: CodePlain::parse(code).ok_or(OauthError::InvalidGrant)?,
        client_id: context.client.id().to_owned(),
        redirect_uri: context.form.redirect_uri.clone(),
        verifier: context.form.code_verifier.clone(),
        resources: context.access_request()?.resources,
    };
    match context.tokens.redeem(request, context.initiator).await? {
        RedeemOutcome::Issued { tokens } => Ok(*tokens),
        RedeemOutcome::Reused | RedeemOutcome::InvalidCode => Err(OauthError::InvalidGrant),
        RedeemOutcome::ExceedsGrant(what) => Err(what.into()),
        RedeemOutcome::Throttled(throttled) => Err(OauthError::Throttled(throttled)),
    }
}
