//! Revocation by token (RFC 7009).

use std::sync::Arc;

use shared_claims::claims::Claims;
use shared_claims::revocation::{Fact, Kind};
use uuid::Uuid;

use super::logout::{REMEMBER_S, end_with_fact};
use super::{TokenError, Tokens};
use crate::domain::{EndReason, RefreshTokenPlain, Session};
use crate::storage::{refresh_tokens, revocations, sessions, users};

impl Tokens {
    /// Revokes one access token, whose claims were verified; its session lives on.
    pub async fn revoke_access_token(&self, claims: &Claims) -> Result<(), TokenError> {
        let user_id = claims.sub.parse::<Uuid>().ok();
        let fact = Fact {
            kind: Kind::Jti,
            id: claims.jti.to_string(),
            at: None,
            exp: claims.exp.saturating_add(REMEMBER_S),
        };
        let clock = Arc::clone(&self.inner.clock);
        let seq: i64 = self
            .inner
            .database
            .write(move |conn| {
                if let Some(user_id) = user_id {
                    users::lock(conn, user_id)?;
                }
                Ok::<_, TokenError>(revocations::append(conn, &fact, clock.now_ms())?)
            })
            .await?;
        self.announce(seq).await;
        Ok(())
    }

    /// Ends the session of a refresh token that `client_id` was given; the session, if this ended it. A token that was
    /// used already ends it too: whoever holds it held what follows.
    pub async fn end_session_of(
        &self,
        presented: RefreshTokenPlain,
        client_id: String,
        reason: EndReason,
    ) -> Result<Option<Session>, TokenError> {
        let clock = Arc::clone(&self.inner.clock);
        let ended = self.inner.database.write(move |conn| {
            let Some(token) = refresh_tokens::find(conn, &presented.hash())? else { return Ok(None) };
            let Some(session) = sessions::find(conn, token.session_id)? else { return Ok(None) };
            users::lock(conn, session.user_id)?;
            let Some(session) = sessions::find(conn, token.session_id)? else { return Ok(None) };
            let now_ms = clock.now_ms();
            let is_dead = session.client_id != client_id || !session.is_live(now_ms);
            if is_dead || now_ms >= token.expires_at_ms {
                return Ok(None);
            }
            let seq = end_with_fact(conn, &session, reason, now_ms)?;
            Ok::<_, TokenError>(Some((session, seq)))
        });
        let Some((session, seq)) = ended.await? else { return Ok(None) };
        self.announce(seq).await;
        Ok(Some(session))
    }
}
