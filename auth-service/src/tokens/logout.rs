//! The end of sessions, by the user's own decision.

use std::sync::Arc;

use service_kit::database::DbConnection;
use shared_claims::revocation::{Fact, Kind};
use uuid::Uuid;

use super::{Inner, TokenError, Tokens};
use crate::domain::{EndReason, Session};
use crate::storage::{revocations, sessions, users};

/// How long after the last token concerned a fact is remembered.
pub(super) const REMEMBER_S: i64 = 60;

impl Tokens {
    /// A user's sessions that still give tokens, last used first.
    pub async fn sessions_of(&self, user_id: Uuid) -> Result<Vec<Session>, TokenError> {
        let now_ms = self.inner.clock.now_ms();
        self.inner.database.read(move |conn| Ok(sessions::live_of_user(conn, user_id, now_ms)?)).await
    }

    /// Ends one session of that user; whether there was one that had not ended. With it die its refresh tokens and its
    /// access tokens.
    pub async fn end_session(
        &self,
        user_id: Uuid,
        session_id: Uuid,
        reason: EndReason,
    ) -> Result<bool, TokenError> {
        let inner = Arc::clone(&self.inner);
        let ended = self.inner.database.write(move |conn| {
            if users::lock(conn, user_id)?.is_none() {
                return Ok(None);
            }
            let now_ms = inner.clock.now_ms();
            let session = sessions::find(conn, session_id)?;
            let Some(session) =
                session.filter(|session| session.user_id == user_id && session.is_live(now_ms))
            else {
                return Ok(None);
            };
            end_with_fact(conn, &session, reason, now_ms).map(Some)
        });
        let ended: Option<i64> = ended.await?;
        if let Some(seq) = ended {
            self.announce(seq).await;
        }
        Ok(ended.is_some())
    }

    /// Ends every session of a user, and revokes every token that the user has.
    pub async fn end_all_sessions(&self, user_id: Uuid) -> Result<(), TokenError> {
        let inner = Arc::clone(&self.inner);
        let seq: Option<i64> =
            self.inner.database.write(move |conn| inner.end_all(conn, user_id, EndReason::LogoutAll)).await?;
        if let Some(seq) = seq {
            self.announce(seq).await;
        }
        Ok(())
    }
}

/// Ends a session that is live, with the fact that its access tokens die; the fact's place. Under the user's lock, last
/// in the transaction.
pub(super) fn end_with_fact(
    conn: &mut DbConnection,
    session: &Session,
    reason: EndReason,
    now_ms: i64,
) -> Result<i64, TokenError> {
    if !sessions::end(conn, session.id, reason, now_ms)? {
        return Ok(revocations::last_seq(conn)?);
    }
    let remembered_from = session.access_expires_at_s.max(now_ms.div_euclid(1000));
    let fact = Fact {
        kind: Kind::Sid,
        id: session.id.to_string(),
        at: None,
        exp: remembered_from.saturating_add(REMEMBER_S),
    };
    Ok(revocations::append(conn, &fact, now_ms)?)
}

impl Inner {
    /// Takes the user's lock, then the moment: what was issued before lies before the cut, what comes after lies
    /// after it.
    pub(super) fn end_all(
        &self,
        conn: &mut DbConnection,
        user_id: Uuid,
        reason: EndReason,
    ) -> Result<Option<i64>, TokenError> {
        let Some(credentials) = users::lock(conn, user_id)? else { return Ok(None) };
        let now_ms = self.clock.now_ms();
        let now = now_ms.div_euclid(1000);
        let past_the_last = credentials.user.token_cut_ms.map_or(i64::MIN, |cut| cut.saturating_add(1));
        let cut = now_ms.saturating_add(self.settings.clock_skew_ms).max(past_the_last);
        let last_expiry = sessions::last_access_expiry_of_user(conn, user_id)?.unwrap_or(now);
        let exp = last_expiry.max(now.saturating_add(self.settings.access_ttl_s)).saturating_add(REMEMBER_S);
        sessions::end_all_of_user(conn, user_id, reason, now_ms)?;
        users::set_token_cut(conn, user_id, cut, now_ms)?;
        let fact = Fact { kind: Kind::Sub, id: user_id.to_string(), at: Some(cut), exp };
        Ok(Some(revocations::append(conn, &fact, now_ms)?))
    }
}
