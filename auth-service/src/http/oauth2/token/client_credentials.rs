//! `grant_type=client_credentials` (RFC 6749 §4.4): a service gets a token in its own name. Runs no database query of
//! its own.

use super::Exchange;
use crate::http::oauth2::error::OauthError;
use crate::tokens::TokenAnswer;

pub(super) async fn exchange(exchange: &Exchange<'_>) -> Result<TokenAnswer, OauthError> {
    let client = exchange.client.client();
    // A public client has no secret, so anyone could use its id.
    if client.is_public {
        return Err(OauthError::UnauthorizedClient);
    }
    let terms = exchange.tokens.terms_of(client);
    let given = exchange.ask()?.of(terms.in_own_name())?;
    Ok(exchange.tokens.issue_to_client(&terms, given, exchange.client.as_of_ms).await?)
}
