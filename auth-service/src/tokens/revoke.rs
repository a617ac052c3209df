//! Revocation by token (RFC 7009).

use std::sync::Arc;

use service_kit::database::DbConnection;
use shared_claims::claims::Claims;
use shared_claims::revocation::{Fact, Kind};
use uuid::Uuid;

use super::logout::{Ended, REMEMBER_S};
use super::{Inner, TokenError, Tokens};
use crate::domain::{
    AuditEvent, AuditKind, EndReason, Origin, RefreshToken, RefreshTokenPlain, Session, Throttled,
};
use crate::storage::{refresh_tokens, revocations, sessions, users};

/// So many single tokens of a session are revoked by facts of their own. Beyond that the session ends: one fact more, and no
/// token is left to revoke.
const MOST_TOKENS_OF_SESSION: i64 = 20;

/// What became of the revocation of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenRevocation {
    /// It is revoked.
    Done,
    /// Its client revoked too many in this minute. It lives on.
    Throttled(Throttled),
}

impl Tokens {
    /// Revokes one access token, whose claims were verified; its session lives on, unless many of its tokens were revoked
    /// in this way.
    pub async fn revoke_access_token(
        &self,
        claims: &Claims,
        origin: Origin,
    ) -> Result<TokenRevocation, TokenError> {
        let inner = Arc::clone(&self.inner);
        let revocation = Revocation {
            fact: Fact {
                kind: Kind::Jti,
                id: claims.jti.to_string(),
                at: None,
                exp: claims.exp.saturating_add(REMEMBER_S),
            },
            event: AuditEvent::new(AuditKind::TokenRevoked, &origin)
                .client(&claims.client_id)
                .subject(claims.jti.to_string()),
            origin,
        };
        let session_id = claims.sid.map(|sid| Uuid::from_bytes(*sid.as_bytes()));
        let ended = if let Some(session_id) = session_id {
            let write = move |conn: &mut DbConnection| inner.revoke_of_session(conn, session_id, &revocation);
            self.inner.database.write(write).await?
        } else {
            let limit = inner.settings.limits.revocations_of_client;
            let now_ms = inner.clock.now_ms();
            if let Err(throttled) = inner.revocations_of_client.add(&claims.client_id, limit, now_ms) {
                return Ok(TokenRevocation::Throttled(throttled));
            }
            self.inner.database.write(move |conn| inner.revoke_of_client(conn, &revocation)).await?
        };
        if let Some(ended) = ended {
            self.tell(ended).await;
        }
        Ok(TokenRevocation::Done)
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

/// A revocation that is to be committed.
struct Revocation {
    fact: Fact,
    event: AuditEvent,
    origin: Origin,
}

impl Inner {
    /// `None` where there is nothing to do: the session has ended, and the token with it; or the token was revoked just now.
    fn revoke_of_session(
        &self,
        conn: &mut DbConnection,
        session_id: Uuid,
        revocation: &Revocation,
    ) -> Result<Option<Ended>, TokenError> {
        let Revocation { fact, event, origin } = revocation;
        let Some(session) = sessions::find(conn, session_id)? else { return Ok(None) };
        users::lock(conn, session.user_id)?;
        let now_ms = self.clock.now_ms();
        let session = sessions::find(conn, session_id)?.filter(|session| session.is_live(now_ms));
        let Some(session) = session else { return Ok(None) };
        if revocations::has(conn, fact.kind, &fact.id)? {
            return Ok(None);
        }
        let others = revocations::count_of_session(conn, session_id, now_ms.div_euclid(1000))?;
        if others >= MOST_TOKENS_OF_SESSION {
            let event = AuditEvent::new(AuditKind::SessionEnded, origin);
            return self.end_session(conn, &session, EndReason::TooManyRevoked, event, now_ms).map(Some);
        }
        let event = event.clone().user(session.user_id).session(session_id);
        self.recorder.record(conn, &event, now_ms)?;
        let seq = revocations::append_of_session(conn, fact, session_id, now_ms)?;
        Ok(Some(Ended { event, seq }))
    }

    /// The same for a token that a client has in its own name.
    fn revoke_of_client(
        &self,
        conn: &mut DbConnection,
        revocation: &Revocation,
    ) -> Result<Option<Ended>, TokenError> {
        let Revocation { fact, event, .. } = revocation;
        let now_ms = self.clock.now_ms();
        if revocations::has(conn, fact.kind, &fact.id)? {
            return Ok(None);
        }
        self.recorder.record(conn, event, now_ms)?;
        let seq = revocations::append(conn, fact, now_ms)?;
        Ok(Some(Ended { event: event.clone(), seq }))
    }
}
