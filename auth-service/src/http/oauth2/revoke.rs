//! `POST /oauth2/revoke` (RFC 7009): a client revokes one of its own tokens.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use shared_claims::verifier::{Verifier, VerifyError};
use utoipa::ToSchema;

use super::client_auth::{ClientAuth, FormCredentials};
use super::error::{OauthError, OauthErrorBody};
use super::form::OauthForm;
use crate::domain::{EndReason, Initiator, RefreshTokenPlain};
use crate::http::caller::Caller;
use crate::tokens::{RevokeOutcome, Tokens};

/// The parameters. Clients authenticate as at the token endpoint; the client `first-party` sends only its id.
#[derive(Deserialize, ToSchema)]
pub(crate) struct RevokeRequest {
    /// An access token or a refresh token
    #[schema(value_type = String)]
    token: Option<String>,
    /// `access_token` or `refresh_token`. It is not needed, and ignored
    #[serde(rename = "token_type_hint")]
    _token_type_hint: Option<String>,
    #[schema(example = "first-party")]
    client_id: Option<String>,
    #[schema(format = Password)]
    client_secret: Option<String>,
}

/// Revokes an access token, or a refresh token together with its session.
#[utoipa::path(
    post,
    path = "/oauth2/revoke",
    tag = "oauth2",
    request_body(content = RevokeRequest, content_type = "application/x-www-form-urlencoded"),
    security((), ("client" = [])),
    responses(
        (status = 200, description = "The token is revoked, or it is not a token of this client"),
        (status = 400, description = "`invalid_request`", body = OauthErrorBody),
        (status = 401, description = "`invalid_client`", body = OauthErrorBody),
        (status = 413, description = "`invalid_request`", body = OauthErrorBody),
        (status = 429, description = "`temporarily_unavailable`: the token is still valid", body = OauthErrorBody),
        (status = 503, description = "`temporarily_unavailable`: the token may still be valid", body = OauthErrorBody),
    )
)]
pub(crate) async fn revoke(
    request: HttpRequest,
    clients: web::Data<ClientAuth>,
    issued: web::Data<Verifier>,
    tokens: web::Data<Tokens>,
    Caller(initiator): Caller,
    OauthForm(form): OauthForm<RevokeRequest>,
) -> Result<HttpResponse, OauthError> {
    let credentials =
        FormCredentials { id: form.client_id.as_deref(), secret: form.client_secret.as_deref() };
    let client_id = clients.authenticate_any(&request, credentials, &initiator).await?;
    let token = form.token.as_deref().ok_or(OauthError::InvalidRequest("token is required"))?;
    // Access tokens and refresh tokens have different forms, so the hint is not needed.
    match RefreshTokenPlain::parse(token) {
        Some(token) => {
            drop(tokens.revoke_refresh_token(token, client_id, EndReason::Revoked, initiator).await?);
        }
        None => revoke_access_token(&issued, &tokens, token, &client_id, initiator).await?,
    }
    Ok(HttpResponse::Ok().finish())
}

/// Revokes an access token. A token of another issuer or client, or one that has expired or is revoked already, is
/// ignored, and the response does not differ.
async fn revoke_access_token(
    issued: &Verifier,
    tokens: &Tokens,
    token: &str,
    client_id: &str,
    initiator: Initiator,
) -> Result<(), OauthError> {
    let verified = match issued.verify(token).await {
        Ok(verified) => verified,
        Err(VerifyError::Unavailable(_)) => return Err(OauthError::TemporarilyUnavailable),
        Err(_) => return Ok(()),
    };
    if verified.client_id != client_id {
        return Ok(());
    }
    match tokens.revoke_access_token(verified.claims(), initiator).await? {
        RevokeOutcome::Revoked => Ok(()),
        RevokeOutcome::Throttled(throttled) => Err(OauthError::Throttled(throttled)),
    }
}
