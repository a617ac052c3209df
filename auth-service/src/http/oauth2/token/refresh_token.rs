//! `grant_type=refresh_token` (RFC 6749 §6): bound to client, scope and session.

use super::{Exchange, required};
use crate::domain::RefreshTokenPlain;
use crate::http::oauth2::error::OauthError;
use crate::tokens::{Refreshed, TokenAnswer};

pub(super) async fn exchange(exchange: Exchange<'_>) -> Result<TokenAnswer, OauthError> {
    let presented = required(exchange.form.refresh_token.as_ref(), "refresh_token is required")?;
    let presented = RefreshTokenPlain::parse(presented).ok_or(OauthError::InvalidGrant)?;
    let terms = exchange.tokens.terms_of(exchange.client.client());
    let ask = exchange.ask()?;
    match exchange.tokens.refresh(presented, terms, ask, exchange.initiator).await? {
        Refreshed::Issued { user_id, session_id, is_replay, tokens } => {
            tracing::info!(%user_id, %session_id, is_replay, client_id = exchange.client.id(), "oauth2.refresh");
            Ok(*tokens)
        }
        Refreshed::Reused | Refreshed::Refused => Err(OauthError::InvalidGrant),
        Refreshed::TooMuch(what) => Err(what.into()),
        Refreshed::Throttled(throttled) => Err(OauthError::Throttled(throttled)),
    }
}
