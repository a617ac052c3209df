//! `grant_type=password` (RFC 6749 §4.3): for clients that have it, which none has unless it was given.
//!
//! A password alone is all that a user has today. Once there are second factors, a user who has one cannot be let in here:
//! [`Accounts::authenticate`](crate::accounts::Accounts::authenticate) will say that more is to be proven, and this grant
//! has no way to ask.

use super::Exchange;
use crate::accounts::Authentication;
use crate::http::oauth2::error::OauthError;
use crate::tokens::{Login, TokenAnswer};

pub(super) async fn exchange(exchange: Exchange<'_>) -> Result<TokenAnswer, OauthError> {
    let username = exchange.required("username", "username is required")?;
    let password = exchange.required("password", "password is required")?;
    let ask = exchange.ask()?;
    // Before the password costs anything. What counts is looked at again when the session begins.
    ask.of(exchange.tokens.terms_of(exchange.client.client()).most())?;
    let client_id = exchange.client.id();
    let authentication = exchange.accounts.authenticate(username, password, client_id, &exchange.origin);
    let Authentication::Proven(proven) = authentication.await? else { return Err(OauthError::InvalidGrant) };
    match exchange.tokens.issue(proven, client_id.to_owned(), ask, exchange.origin.clone()).await? {
        Login::Issued { tokens, .. } => Ok(*tokens),
        Login::Refused => Err(OauthError::InvalidGrant),
        Login::ClientEnded => Err(OauthError::InvalidClient),
        Login::TooMuch(what) => Err(what.into()),
    }
}
