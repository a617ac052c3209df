//! Lists and ends the sessions of a user.
//!
//! Many sessions are ended in batches: a transaction that ends sessions holds the lock of the revocation log until it
//! commits, and every other logout waits for that lock.

use std::time::Duration;

use service_kit::database::{DatabaseError, DbConnection};
use shared_claims::issuer::contract::fact_expiry_s;
use shared_claims::revocation::{RevocationFact, RevocationKind};
use uuid::Uuid;

use super::{TokenError, Tokens};
use crate::domain::{AuditEvent, AuditKind, EndReason, Initiator, PageLimit, Session, SessionCursor, User};
use crate::storage::{Transaction, authorization_codes, browser_sessions, sessions, users};

/// The most sessions ended in one transaction.
pub(super) const BATCH_SIZE: i64 = 200;
/// The pause between two transactions, so that other transactions get their turn, on SQLite too.
const PAUSE: Duration = Duration::from_millis(20);

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
        transaction.record(session_event(session, event, reason));
        transaction.revoke(session_fact(session, now_ms));
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
        transaction.record(session_event(
            session,
            AuditEvent::new(AuditKind::SessionEnded, initiator),
            reason,
        ));
        transaction.revoke(session_fact(session, now_ms));
    }
    Ok(())
}

fn session_event(session: &Session, event: AuditEvent, reason: EndReason) -> AuditEvent {
    let event = event.user(session.user_id).client(&session.client_id).session(session.id);
    event.reason(reason.as_str())
}

/// The fact that revokes the access tokens of a session. It is kept until after the last of them has expired.
fn session_fact(session: &Session, now_ms: i64) -> RevocationFact {
    let remembered_from = session.access_expires_at_s.max(now_ms.div_euclid(1000));
    RevocationFact {
        kind: RevocationKind::Sid,
        id: session.id.to_string(),
        at: None,
        exp: fact_expiry_s(remembered_from),
    }
}

/// The result of one transaction.
enum Step {
    /// It ended a batch of sessions, and there may be more.
    More,
    /// It ended all sessions that were left.
    Last,
}

impl Tokens {
    /// Ends every session of a user except `kept`. If it fails in the middle, some sessions have ended, with their
    /// revocation facts, and the others continue.
    pub async fn end_other_sessions(
        &self,
        user_id: Uuid,
        kept: Uuid,
        initiator: Initiator,
    ) -> Result<(), TokenError> {
        self.end_in_batches(move |transaction| end_others(transaction, user_id, kept, &initiator)).await
    }

    /// Ends every session of a user, and revokes every token that the user has.
    pub async fn end_all_sessions(&self, user_id: Uuid, initiator: Initiator) -> Result<(), TokenError> {
        let cuts = self.inner.settings.cuts();
        self.end_in_batches(move |transaction| end_all(transaction, cuts, user_id, &initiator)).await
    }

    async fn end_in_batches<F>(&self, step: F) -> Result<(), TokenError>
    where
        F: Fn(&mut Transaction<'_>) -> Result<Step, TokenError> + Clone + Send + 'static,
    {
        loop {
            let step = step.clone();
            let done = self.inner.unit_of_work.commit(move |transaction| {
                let step = step(transaction)?;
                if matches!(step, Step::More) {
                    transaction.leave_announcement_to_next_step();
                }
                Ok::<_, TokenError>(step)
            });
            match done.await?.value {
                Step::More => {}
                Step::Last => return Ok(()),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

fn end_others(
    transaction: &mut Transaction<'_>,
    user_id: Uuid,
    kept: Uuid,
    initiator: &Initiator,
) -> Result<Step, TokenError> {
    if users::lock(transaction.conn(), user_id)?.is_none() {
        return Ok(Step::Last);
    }
    let now_ms = transaction.now_ms();
    let others = sessions::some_of_user(transaction.conn(), user_id, now_ms, Some(kept), BATCH_SIZE)?;
    end_sessions(transaction, &others, EndReason::EndedByUser, initiator)?;
    browser_sessions::end_all_of_user(transaction.conn(), user_id, EndReason::EndedByUser, now_ms)?;
    Ok(if is_full_batch(&others) { Step::More } else { Step::Last })
}

/// Ends a batch of sessions, or, if no more than a batch is left, all of them with one revocation fact. Takes the
/// user's lock before it reads the clock, so every token that was issued before is older than the cut and every
/// later one is newer.
fn end_all(
    transaction: &mut Transaction<'_>,
    cuts: CutRules,
    user_id: Uuid,
    initiator: &Initiator,
) -> Result<Step, TokenError> {
    let Some(credentials) = users::lock(transaction.conn(), user_id)? else { return Ok(Step::Last) };
    let (now_ms, reason) = (transaction.now_ms(), EndReason::LogoutAll);
    let some = sessions::some_of_user(transaction.conn(), user_id, now_ms, None, BATCH_SIZE)?;
    if is_full_batch(&some) {
        end_sessions(transaction, &some, reason, initiator)?;
        return Ok(Step::More);
    }
    cuts.end_all(transaction, &credentials.user, reason)?;
    transaction.record(AuditEvent::new(AuditKind::AllSessionsEnded, initiator).user(user_id));
    Ok(Step::Last)
}

fn is_full_batch(sessions: &[Session]) -> bool {
    i64::try_from(sessions.len()).is_ok_and(|count| count >= BATCH_SIZE)
}

/// The settings that a cut has to cover.
#[derive(Clone, Copy, Debug)]
pub struct CutRules {
    /// The most by which the clocks of replicas may differ, in milliseconds.
    pub clock_skew_ms: i64,
    /// The lifetime of an access token, in seconds.
    pub access_ttl_s: i64,
}

impl CutRules {
    /// Takes a cut against the user: revokes every access token that was issued up to now. The caller holds the user's
    /// lock, so every token that was issued before the lock is older than the cut, and every later one is newer.
    pub(crate) fn cut(self, transaction: &mut Transaction<'_>, user: &User) -> Result<(), DatabaseError> {
        let now_ms = transaction.now_ms();
        let now = now_ms.div_euclid(1000);
        let past_the_last = user.token_cut_ms.map_or(i64::MIN, |cut| cut.saturating_add(1));
        let cut = now_ms.saturating_add(self.clock_skew_ms).max(past_the_last);
        let last_expiry = sessions::last_access_expiry_of_user(transaction.conn(), user.id)?.unwrap_or(now);
        let exp = fact_expiry_s(last_expiry.max(now.saturating_add(self.access_ttl_s)));
        users::set_token_cut(transaction.conn(), user.id, cut, now_ms)?;
        transaction.revoke(RevocationFact {
            kind: RevocationKind::Sub,
            id: user.id.to_string(),
            at: Some(cut),
            exp,
        });
        Ok(())
    }

    /// Takes the cut, ends the user's sessions, and deletes unredeemed codes, which could begin new sessions.
    pub(crate) fn end_all(
        self,
        transaction: &mut Transaction<'_>,
        user: &User,
        reason: EndReason,
    ) -> Result<(), DatabaseError> {
        self.cut(transaction, user)?;
        let now_ms = transaction.now_ms();
        sessions::end_all_of_user(transaction.conn(), user.id, reason, now_ms)?;
        browser_sessions::end_all_of_user(transaction.conn(), user.id, reason, now_ms)?;
        authorization_codes::delete_unused_of_user(transaction.conn(), user.id)?;
        Ok(())
    }
}
