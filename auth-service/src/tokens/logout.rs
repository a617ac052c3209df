//! Lists and ends sessions for the user.

use std::sync::Arc;

use service_kit::database::DbConnection;
use shared_claims::revocation::{Fact, Kind};
use uuid::Uuid;

use super::{Inner, TokenError, Tokens};
use crate::domain::{AuditEvent, AuditKind, EndReason, Origin, PageLimit, Session, SessionCursor};
use crate::storage::{revocations, sessions, users};

/// How long a revocation fact is kept after the last token it revokes has expired, in seconds.
pub(super) const REMEMBER_S: i64 = 60;

impl Tokens {
    /// Returns a page of a user's live sessions, last used first, and the cursor of the next page.
    pub async fn sessions_of(
        &self,
        user_id: Uuid,
        after: Option<SessionCursor>,
        limit: PageLimit,
    ) -> Result<(Vec<Session>, Option<SessionCursor>), TokenError> {
        let now_ms = self.inner.clock.now_ms();
        let limit = limit.get();
        // One more session is read to know whether there is a next page.
        let most = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
        let page = move |conn: &mut DbConnection| sessions::page_of_user(conn, user_id, now_ms, after, most);
        let page = self.inner.database.read(move |conn| Ok::<_, TokenError>(page(conn)?));
        let mut page: Vec<Session> = page.await?;
        let has_more = page.len() > limit;
        page.truncate(limit);
        let last = page.last().filter(|_| has_more);
        let next = last.map(|last| SessionCursor { last_used_at_ms: last.last_used_at_ms, id: last.id });
        Ok((page, next))
    }

    /// Ends one session of the user, which revokes its refresh tokens and access tokens. Returns whether there was
    /// such a session that had not ended.
    pub async fn end_session(
        &self,
        user_id: Uuid,
        session_id: Uuid,
        reason: EndReason,
        origin: Origin,
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
            let event = AuditEvent::new(AuditKind::SessionEnded, &origin);
            inner.end_session(conn, &session, reason, event, now_ms).map(Some)
        });
        let ended: Option<Ended> = ended.await?;
        let is_ended = ended.is_some();
        if let Some(ended) = ended {
            self.tell(ended).await;
        }
        Ok(is_ended)
    }

    /// Logs committed changes and waits until connected verifiers know of them.
    pub(super) async fn tell_all(&self, ended: Vec<Ended>) {
        for ended in &ended {
            ended.event.log();
        }
        if let Some(last) = ended.last() {
            self.announce(last.seq).await;
        }
    }

    /// Logs a committed change and waits until connected verifiers know of it.
    pub(super) async fn tell(&self, ended: Ended) {
        ended.event.log();
        self.announce(ended.seq).await;
    }
}

/// A change that must be announced after the commit.
#[must_use]
pub(super) struct Ended {
    /// The audit event.
    pub(super) event: AuditEvent,
    /// The sequence number of the revocation fact.
    pub(super) seq: i64,
}

impl Inner {
    /// Ends a live session, writes the audit event, and appends the fact that revokes its access tokens. The caller
    /// holds the user's lock. Must come last in the transaction.
    pub(super) fn end_session(
        &self,
        conn: &mut DbConnection,
        session: &Session,
        reason: EndReason,
        event: AuditEvent,
        now_ms: i64,
    ) -> Result<Ended, TokenError> {
        let event = about(session, event, reason);
        if sessions::end(conn, &[session.id], reason, now_ms)?.is_empty() {
            return Ok(Ended { event, seq: revocations::last_seq(conn)? });
        }
        self.recorder.record(conn, &event, now_ms)?;
        Ok(Ended { event, seq: revocations::append(conn, &fact_of(session, now_ms), now_ms)? })
    }

    /// Ends several sessions in the same way. Sessions that had ended before are not announced again.
    pub(super) fn end_sessions(
        &self,
        conn: &mut DbConnection,
        sessions: &[Session],
        reason: EndReason,
        origin: &Origin,
        now_ms: i64,
    ) -> Result<Vec<Ended>, TokenError> {
        if sessions.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<_> = sessions.iter().map(|session| session.id).collect();
        let ended = sessions::end(conn, &ids, reason, now_ms)?;
        let ended = || sessions.iter().filter(|session| ended.contains(&session.id));
        let event = |session| about(session, AuditEvent::new(AuditKind::SessionEnded, origin), reason);
        let events: Vec<_> = ended().map(event).collect();
        for event in &events {
            self.recorder.record(conn, event, now_ms)?;
        }
        let facts: Vec<_> = ended().map(|session| fact_of(session, now_ms)).collect();
        let seq = revocations::append_all(conn, &facts, now_ms)?;
        Ok(events.into_iter().map(|event| Ended { event, seq }).collect())
    }
}

fn about(session: &Session, event: AuditEvent, reason: EndReason) -> AuditEvent {
    let event = event.user(session.user_id).client(&session.client_id).session(session.id);
    event.reason(reason.as_str())
}

/// The fact that revokes the access tokens of a session. It is kept until after the last of them has expired.
fn fact_of(session: &Session, now_ms: i64) -> Fact {
    let remembered_from = session.access_expires_at_s.max(now_ms.div_euclid(1000));
    Fact {
        kind: Kind::Sid,
        id: session.id.to_string(),
        at: None,
        exp: remembered_from.saturating_add(REMEMBER_S),
    }
}
