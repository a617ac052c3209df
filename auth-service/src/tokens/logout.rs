//! Lists and ends sessions for the user.

use service_kit::database::DbConnection;
use shared_claims::issuer::contract::fact_expiry_s;
use shared_claims::revocation::{RevocationFact, RevocationKind};
use uuid::Uuid;

use super::{TokenError, Tokens};
use crate::domain::{AuditEvent, AuditKind, EndReason, Initiator, PageLimit, Session, SessionCursor};
use crate::storage::{Transaction, sessions, users};

impl Tokens {
    /// Returns a page of a user's live sessions, last used first, and the cursor of the next page.
    pub async fn sessions_of(
        &self,
        user_id: Uuid,
        after: Option<SessionCursor>,
        limit: PageLimit,
    ) -> Result<(Vec<Session>, Option<SessionCursor>), TokenError> {
        let now_ms = self.inner.unit_of_work.clock().now_ms();
        let limit = limit.get();
        // One more session is read to know whether there is a next page.
        let most = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
        let page = move |conn: &mut DbConnection| sessions::page_of_user(conn, user_id, now_ms, after, most);
        let page = self.inner.unit_of_work.database().read(move |conn| Ok::<_, TokenError>(page(conn)?));
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
        initiator: Initiator,
    ) -> Result<bool, TokenError> {
        let ended = self.inner.unit_of_work.commit(move |transaction| {
            if users::lock(transaction.conn(), user_id)?.is_none() {
                return Ok(false);
            }
            let now_ms = transaction.now_ms();
            let session = sessions::find(transaction.conn(), session_id)?;
            let Some(session) =
                session.filter(|session| session.user_id == user_id && session.is_live(now_ms))
            else {
                return Ok(false);
            };
            let event = AuditEvent::new(AuditKind::SessionEnded, &initiator);
            end_session(transaction, &session, reason, event)?;
            Ok::<_, TokenError>(true)
        });
        Ok(ended.await?.value)
    }
}

/// Ends a live session, records the event, and revokes its access tokens. The caller holds the user's lock. If the
/// end of the session's client, which does not take that lock, has ended the session a moment ago, nothing is left to
/// do.
pub(super) fn end_session(
    transaction: &mut Transaction<'_>,
    session: &Session,
    reason: EndReason,
    event: AuditEvent,
) -> Result<(), TokenError> {
    let now_ms = transaction.now_ms();
    if !sessions::end(transaction.conn(), &[session.id], reason, now_ms)?.is_empty() {
        transaction.record(about(session, event, reason));
        transaction.revoke(fact_of(session, now_ms));
    }
    Ok(())
}

/// Ends several sessions in the same way.
pub(super) fn end_sessions(
    transaction: &mut Transaction<'_>,
    sessions: &[Session],
    reason: EndReason,
    initiator: &Initiator,
) -> Result<(), TokenError> {
    if sessions.is_empty() {
        return Ok(());
    }
    let now_ms = transaction.now_ms();
    let ids: Vec<_> = sessions.iter().map(|session| session.id).collect();
    let ended = sessions::end(transaction.conn(), &ids, reason, now_ms)?;
    for session in sessions.iter().filter(|session| ended.contains(&session.id)) {
        transaction.record(about(session, AuditEvent::new(AuditKind::SessionEnded, initiator), reason));
        transaction.revoke(fact_of(session, now_ms));
    }
    Ok(())
}

fn about(session: &Session, event: AuditEvent, reason: EndReason) -> AuditEvent {
    let event = event.user(session.user_id).client(&session.client_id).session(session.id);
    event.reason(reason.as_str())
}

/// The fact that revokes the access tokens of a session. It is kept until after the last of them has expired.
fn fact_of(session: &Session, now_ms: i64) -> RevocationFact {
    let remembered_from = session.access_expires_at_s.max(now_ms.div_euclid(1000));
    RevocationFact {
        kind: RevocationKind::Sid,
        id: session.id.to_string(),
        at: None,
        exp: fact_expiry_s(remembered_from),
    }
}
