//! The end of sessions, by the user's own decision.

use std::sync::Arc;

use service_kit::database::DbConnection;
use shared_claims::revocation::{Fact, Kind};
use uuid::Uuid;

use super::{Inner, TokenError, Tokens};
use crate::domain::{AuditEvent, AuditKind, EndReason, Origin, Session};
use crate::storage::{audit, revocations, sessions, users};

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

    /// Ends every session of a user but that one.
    pub async fn end_other_sessions(
        &self,
        user_id: Uuid,
        kept: Uuid,
        origin: Origin,
    ) -> Result<(), TokenError> {
        let inner = Arc::clone(&self.inner);
        let ended = self.inner.database.write(move |conn| {
            if users::lock(conn, user_id)?.is_none() {
                return Ok(Vec::new());
            }
            let now_ms = inner.clock.now_ms();
            let mut others = sessions::live_of_user(conn, user_id, now_ms)?;
            others.retain(|session| session.id != kept);
            inner.end_sessions(conn, &others, EndReason::EndedByUser, &origin, now_ms)
        });
        let ended: Vec<Ended> = ended.await?;
        self.tell_all(ended).await;
        Ok(())
    }

    /// Ends every session of a user, and revokes every token that the user has.
    pub async fn end_all_sessions(&self, user_id: Uuid, origin: Origin) -> Result<(), TokenError> {
        let inner = Arc::clone(&self.inner);
        let event = AuditEvent::new(AuditKind::AllSessionsEnded, &origin);
        let ended: Option<Ended> = self
            .inner
            .database
            .write(move |conn| inner.end_all(conn, user_id, EndReason::LogoutAll, event.clone()))
            .await?;
        if let Some(ended) = ended {
            self.tell(ended).await;
        }
        Ok(())
    }

    /// Logs all that was committed, and waits until verifiers in touch know of it.
    pub(super) async fn tell_all(&self, ended: Vec<Ended>) {
        for ended in &ended {
            ended.event.log();
        }
        if let Some(last) = ended.last() {
            self.announce(last.seq).await;
        }
    }

    /// Logs what was committed, and waits until verifiers in touch know of it.
    pub(super) async fn tell(&self, ended: Ended) {
        ended.event.log();
        self.announce(ended.seq).await;
    }
}

/// Something that was ended: to be told once it is committed.
#[must_use]
pub(super) struct Ended {
    /// The record.
    pub(super) event: AuditEvent,
    /// The fact's place.
    pub(super) seq: i64,
}

impl Inner {
    /// Ends a session that is live, with the record of it and the fact that its access tokens die. Under the user's
    /// lock, last in the transaction.
    pub(super) fn end_session(
        &self,
        conn: &mut DbConnection,
        session: &Session,
        reason: EndReason,
        event: AuditEvent,
        now_ms: i64,
    ) -> Result<Ended, TokenError> {
        let event = event.user(session.user_id).client(&session.client_id).session(session.id);
        let event = event.reason(reason.as_str());
        if !sessions::end(conn, session.id, reason, now_ms)? {
            return Ok(Ended { event, seq: revocations::last_seq(conn)? });
        }
        audit::record(conn, &event, &self.random, now_ms)?;
        let remembered_from = session.access_expires_at_s.max(now_ms.div_euclid(1000));
        let fact = Fact {
            kind: Kind::Sid,
            id: session.id.to_string(),
            at: None,
            exp: remembered_from.saturating_add(REMEMBER_S),
        };
        Ok(Ended { event, seq: revocations::append(conn, &fact, now_ms)? })
    }

    /// The same of several.
    pub(super) fn end_sessions(
        &self,
        conn: &mut DbConnection,
        sessions: &[Session],
        reason: EndReason,
        origin: &Origin,
        now_ms: i64,
    ) -> Result<Vec<Ended>, TokenError> {
        let event = || AuditEvent::new(AuditKind::SessionEnded, origin);
        sessions.iter().map(|session| self.end_session(conn, session, reason, event(), now_ms)).collect()
    }

    /// Takes the user's lock, then the moment: what was issued before lies before the cut, what comes after lies
    /// after it.
    pub(super) fn end_all(
        &self,
        conn: &mut DbConnection,
        user_id: Uuid,
        reason: EndReason,
        event: AuditEvent,
    ) -> Result<Option<Ended>, TokenError> {
        let Some(credentials) = users::lock(conn, user_id)? else { return Ok(None) };
        let now_ms = self.clock.now_ms();
        let cut = self.settings.cuts().end_all(conn, &credentials.user, reason, now_ms)?;
        let event = event.user(user_id);
        audit::record(conn, &event, &self.random, now_ms)?;
        Ok(Some(Ended { event, seq: cut.append(conn, now_ms)? }))
    }
}
