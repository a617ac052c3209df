//! `grant_type=client_credentials` (RFC 6749 §4.4): a service in its own name. Touches no database.

use super::Exchange;
use crate::http::oauth2::error::OauthError;
use crate::tokens::TokenAnswer;

pub(super) async fn exchange(exchange: &Exchange<'_>) -> Result<TokenAnswer, OauthError> {
    let client = exchange.client.client();
    // Anybody could speak in the name of a client that has no secret.
    if client.is_public {
        return Err(OauthError::UnauthorizedClient);
    }
    let terms = exchange.tokens.terms_of(client);
    let given = exchange.ask()?.of(terms.in_own_name())?;
    Ok(exchange.tokens.issue_to_client(&terms, given, exchange.client.as_of_ms).await?)
}
