//! Revocation by token (RFC 7009).

use std::sync::Arc;

use shared_claims::claims::Claims;
use shared_claims::issuer::contract::fact_expiry_s;
use shared_claims::revocation::{RevocationFact, RevocationKind};
use uuid::Uuid;

use super::logout::end_session;
use super::{TokenError, Tokens};
use crate::domain::{
    AuditEvent, AuditKind, EndReason, Initiator, RefreshToken, RefreshTokenPlain, Session, Throttled,
};
use crate::storage::{Transaction, refresh_tokens, revocations, sessions, users};
use crate::throttle::Counted;

/// The most access tokens of a session that are revoked by separate facts. After that the whole session is ended by
/// one more fact, and no token is left to revoke.
const MAX_REVOKED_TOKENS: i64 = 20;

/// The outcome of a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevokeOutcome {
    /// The token is revoked.
    Revoked,
    /// The client has revoked too many tokens in a minute. The token is still valid.
    Throttled(Throttled),
}

impl Tokens {
    /// Revokes one access token, whose claims were verified. Its session continues, unless too many of its tokens
    /// were revoked in this way.
    pub async fn revoke_access_token(
        &self,
        claims: &Claims,
        initiator: Initiator,
    ) -> Result<RevokeOutcome, TokenError> {
        let inner = Arc::clone(&self.inner);
        let revocation = Revocation {
            fact: RevocationFact {
                kind: RevocationKind::Jti,
                id: claims.jti.to_string(),
                at: None,
                exp: fact_expiry_s(claims.exp),
            },
            event: AuditEvent::new(AuditKind::TokenRevoked, &initiator)
                .client(&claims.client_id)
                .subject(claims.jti.to_string()),
            initiator,
        };
        let session_id = claims.sid.map(|sid| Uuid::from_bytes(*sid.as_bytes()));
        if let Some(session_id) = session_id {
            let revoked = self
                .inner
                .unit_of_work
                .commit(move |transaction| revoke_session_token(transaction, session_id, &revocation));
            revoked.await?;
        } else {
            let counted = inner.throttle.count(&Counted::Revocation(claims.client_id.clone())).await;
            if let Err(throttled) = counted {
                return Ok(RevokeOutcome::Throttled(throttled));
            }
            let revoked = self
                .inner
                .unit_of_work
                .commit(move |transaction| revoke_client_token(transaction, &revocation));
            revoked.await?;
        }
        Ok(RevokeOutcome::Revoked)
    }

    /// Ends the session of a refresh token of `client_id`. Returns the session, if this call ended it. A token that
    /// was used already ends its session too, because its holder also had the tokens that followed it.
    pub async fn revoke_refresh_token(
        &self,
        presented: RefreshTokenPlain,
        client_id: String,
        reason: EndReason,
        initiator: Initiator,
    ) -> Result<Option<Session>, TokenError> {
        let inner = Arc::clone(&self.inner);
        let Some(session_id) = presented.session_id(&inner.refresh_derivation) else { return Ok(None) };
        let ended = self.inner.unit_of_work.commit(move |transaction| {
            let Some(session) = sessions::find(transaction.conn(), session_id)? else { return Ok(None) };
            users::lock(transaction.conn(), session.user_id)?;
            let Some(session) = sessions::find(transaction.conn(), session_id)? else { return Ok(None) };
            let now_ms = transaction.now_ms();
            let is_dead = session.client_id != client_id || !session.is_live(now_ms);
            // A used token still belongs to the session, even if its row was deleted.
            let token = refresh_tokens::find(transaction.conn(), &presented.hash())?;
            let has_expired =
                |token: RefreshToken| token.consumed_at_ms.is_none() && now_ms >= token.expires_at_ms;
            if is_dead || token.is_some_and(has_expired) {
                return Ok(None);
            }
            let event = AuditEvent::new(AuditKind::SessionEnded, &initiator);
            end_session(transaction, &session, reason, event)?;
            Ok::<_, TokenError>(Some(session))
        });
        Ok(ended.await?.value)
    }
}

/// A revocation to commit.
struct Revocation {
    fact: RevocationFact,
    event: AuditEvent,
    initiator: Initiator,
}

/// Revokes a token of a session. Does nothing if the session has ended, which revoked the token, or if the token was
/// revoked a moment ago.
fn revoke_session_token(
    transaction: &mut Transaction<'_>,
    session_id: Uuid,
    revocation: &Revocation,
) -> Result<(), TokenError> {
    let Revocation { fact, event, initiator } = revocation;
    let Some(session) = sessions::find(transaction.conn(), session_id)? else { return Ok(()) };
    users::lock(transaction.conn(), session.user_id)?;
    let now_ms = transaction.now_ms();
    let session = sessions::find(transaction.conn(), session_id)?;
    let Some(session) = session.filter(|session| session.is_live(now_ms)) else { return Ok(()) };
    if revocations::has(transaction.conn(), fact.kind, &fact.id)? {
        return Ok(());
    }
    let now = now_ms.div_euclid(1000);
    let others = revocations::count_of_session(transaction.conn(), session_id, now)?;
    if others >= MAX_REVOKED_TOKENS {
        let event = AuditEvent::new(AuditKind::SessionEnded, initiator);
        return end_session(transaction, &session, EndReason::TooManyRevoked, event);
    }
    transaction.record(event.clone().user(session.user_id).session(session_id));
    transaction.revoke_token_of_session(fact.clone(), session_id);
    Ok(())
}

/// Revokes a token that a client got in its own name.
fn revoke_client_token(transaction: &mut Transaction<'_>, revocation: &Revocation) -> Result<(), TokenError> {
    let Revocation { fact, event, .. } = revocation;
    if !revocations::has(transaction.conn(), fact.kind, &fact.id)? {
        transaction.record(event.clone());
        transaction.revoke(fact.clone());
    }
    Ok(())
}
