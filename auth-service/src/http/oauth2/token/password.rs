//! `grant_type=password` (RFC 6749 §4.3). A client has this grant type only if an operator adds it.
//!
//! At present a user authenticates with a password only. Once there are second factors, a user who has one cannot log
//! in here: [`Accounts::authenticate`](crate::accounts::Accounts::authenticate) will require the second factor, and
//! this grant type has no way to ask for it.

use super::{Exchange, required};
use crate::accounts::Authentication;
use crate::http::oauth2::error::OauthError;
use crate::tokens::{IssuedTokens, LoginOutcome};

pub(super) async fn exchange(exchange: Exchange<'_>) -> Result<IssuedTokens, OauthError> {
    let username = required(exchange.form.username.as_ref(), "username is required")?;
    let password = required(exchange.form.password.as_ref(), "password is required")?;
    let access = exchange.access()?;
    // Checked before the cost of verifying the password. The check that counts is made again when the session begins.
    access.within(exchange.tokens.policy_of(exchange.client.client()).allowed())?;
    let client_id = exchange.client.id();
    let authentication = exchange.accounts.authenticate(username, password, client_id, &exchange.initiator);
    let Authentication::Verified(credentials) = authentication.await? else {
        return Err(OauthError::InvalidGrant);
    };
    match exchange
        .tokens
        .log_in(credentials, client_id.to_owned(), access, exchange.initiator.clone())
        .await?
    {
        LoginOutcome::Issued { tokens, .. } => Ok(*tokens),
        LoginOutcome::CredentialsChanged => Err(OauthError::InvalidGrant),
        LoginOutcome::ClientEnded => Err(OauthError::InvalidClient),
        LoginOutcome::ExceedsGrant(what) => Err(what.into()),
    }
}
