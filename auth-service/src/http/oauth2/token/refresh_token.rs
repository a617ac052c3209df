//! `grant_type=refresh_token` (RFC 6749 §6): bound to client, scope and session.

use super::{Exchange, required};
use crate::domain::RefreshTokenPlain;
use crate::http::oauth2::error::OauthError;
use crate::tokens::{IssuedTokens, RefreshOutcome};

pub(super) async fn exchange(exchange: Exchange<'_>) -> Result<IssuedTokens, OauthError> {
    let presented = required(exchange.form.refresh_token.as_ref(), "refresh_token is required")?;
    let presented = RefreshTokenPlain::parse(presented).ok_or(OauthError::InvalidGrant)?;
    let policy = exchange.tokens.policy_of(exchange.client.client());
    let access = exchange.access()?;
    match exchange.tokens.refresh(presented, policy, access, exchange.initiator).await? {
        RefreshOutcome::Issued { user_id, session_id, is_replay, tokens } => {
            tracing::info!(%user_id, %session_id, is_replay, client_id = exchange.client.id(), "oauth2.refresh");
            Ok(*tokens)
        }
        RefreshOutcome::Reused | RefreshOutcome::InvalidToken => Err(OauthError::InvalidGrant),
        RefreshOutcome::ExceedsGrant(what) => Err(what.into()),
        RefreshOutcome::Throttled(throttled) => Err(OauthError::Throttled(throttled)),
    }
}
