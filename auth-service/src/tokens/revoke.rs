//! Revocation by token (RFC 7009).

use std::sync::Arc;

use shared_claims::claims::Claims;
use shared_claims::revocation::{Fact, Kind};
use uuid::Uuid;

use super::logout::{Ended, REMEMBER_S};
use super::{TokenError, Tokens};
use crate::domain::{AuditEvent, AuditKind, EndReason, Origin, RefreshToken, RefreshTokenPlain, Session};
use crate::storage::{audit, refresh_tokens, revocations, sessions, users};

impl Tokens {
    /// Revokes one access token, whose claims were verified; its session lives on.
    pub async fn revoke_access_token(&self, claims: &Claims, origin: Origin) -> Result<(), TokenError> {
        let user_id = claims.sub.parse::<Uuid>().ok();
        let fact = Fact {
            kind: Kind::Jti,
            id: claims.jti.to_string(),
            at: None,
            exp: claims.exp.saturating_add(REMEMBER_S),
        };
        let event = revocation_of(claims, user_id, &origin);
        let inner = Arc::clone(&self.inner);
        let ended: Ended = self
            .inner
            .database
            .write(move |conn| {
                if let Some(user_id) = user_id {
                    users::lock(conn, user_id)?;
                }
                let now_ms = inner.clock.now_ms();
                audit::record(conn, &event, &inner.random, now_ms)?;
                Ok::<_, TokenError>(Ended {
                    event: event.clone(),
                    seq: revocations::append(conn, &fact, now_ms)?,
                })
            })
            .await?;
        self.tell(ended).await;
        Ok(())
    }

    /// Ends the session of a refresh token that `client_id` was given; the session, if this ended it. A token that was
    /// used already ends it too: whoever holds it held what follows.
    pub async fn end_session_of(
        &self,
        presented: RefreshTokenPlain,
        client_id: String,
        reason: EndReason,
        origin: Origin,
    ) -> Result<Option<Session>, TokenError> {
        let inner = Arc::clone(&self.inner);
        let Some(session_id) = presented.session_id(&inner.refresh_derivation) else { return Ok(None) };
        let ended = self.inner.database.write(move |conn| {
            let Some(session) = sessions::find(conn, session_id)? else { return Ok(None) };
            users::lock(conn, session.user_id)?;
            let Some(session) = sessions::find(conn, session_id)? else { return Ok(None) };
            let now_ms = inner.clock.now_ms();
            let is_dead = session.client_id != client_id || !session.is_live(now_ms);
            // One that was used is the session's all the same, forgotten or not.
            let token = refresh_tokens::find(conn, &presented.hash())?;
            let has_expired =
                |token: RefreshToken| token.consumed_at_ms.is_none() && now_ms >= token.expires_at_ms;
            if is_dead || token.is_some_and(has_expired) {
                return Ok(None);
            }
            let event = AuditEvent::new(AuditKind::SessionEnded, &origin);
            let ended = inner.end_session(conn, &session, reason, event, now_ms)?;
            Ok::<_, TokenError>(Some((session, ended)))
        });
        let Some((session, ended)) = ended.await? else { return Ok(None) };
        self.tell(ended).await;
        Ok(Some(session))
    }
}

fn revocation_of(claims: &Claims, user_id: Option<Uuid>, origin: &Origin) -> AuditEvent {
    let event = AuditEvent::new(AuditKind::TokenRevoked, origin).client(&claims.client_id);
    AuditEvent {
        user_id,
        session_id: claims.sid.map(|sid| Uuid::from_bytes(*sid.as_bytes())),
        ..event.subject(claims.jti.to_string())
    }
}
