//! `grant_type=client_credentials` (RFC 6749 §4.4): a service gets a token in its own name. Runs no database query of
//! its own.

use super::Exchange;
use crate::http::oauth2::error::OauthError;
use crate::tokens::IssuedTokens;

pub(super) async fn exchange(exchange: &Exchange<'_>) -> Result<IssuedTokens, OauthError> {
    let client = exchange.client.client();
    // A public client has no secret, so anyone could use its id.
    if client.is_public {
        return Err(OauthError::UnauthorizedClient);
    }
    let policy = exchange.tokens.policy_of(client);
    let granted = exchange.access()?.within(policy.allowed_to_client())?;
    Ok(exchange.tokens.issue_client_token(&policy, granted, exchange.client.as_of_ms).await?)
}
