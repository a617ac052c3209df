//! Ends the sessions of a user.
//!
//! Many sessions are ended in batches: a transaction that ends sessions holds the lock of the revocation log until it
//! commits, and every other logout waits for that lock.

use std::time::Duration;

use service_kit::database::DatabaseError;
use shared_claims::issuer::contract::fact_expiry_s;
use shared_claims::revocation::{RevocationFact, RevocationKind};
use uuid::Uuid;

use super::browser_sessions::end_browser_session;
use super::{TokenError, Tokens, notices};
use crate::domain::{AuditEvent, AuditKind, EndReason, Initiator, Session, User};
use crate::storage::sessions::EitherSession;
use crate::storage::{Transaction, authorization_codes, browser_sessions, sessions, users};

/// The most sessions ended in one transaction.
pub(super) const BATCH_SIZE: i64 = 200;
/// The most browser sessions ended in one transaction. Each may have many sessions of clients below it.
const BROWSERS_IN_BATCH: i64 = 20;
/// The pause between two transactions, so that other transactions get their turn, on SQLite too.
const PAUSE: Duration = Duration::from_millis(20);

impl Tokens {
    /// Ends one session of the user, which revokes its refresh tokens and access tokens; a browser session ends with
    /// everything below it. Returns whether there was such a session that had not ended.
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
            match sessions::find_either(transaction.conn(), user_id, session_id)? {
                Some(EitherSession::OfTokens(session)) if session.is_live(now_ms) => {
                    let event = AuditEvent::new(AuditKind::SessionEnded, &initiator);
                    end_session(transaction, &session, reason, event)?;
                }
                Some(EitherSession::OfBrowser(session)) if session.is_live(now_ms) => {
                    end_browser_session(transaction, &session, reason, &initiator)?;
                }
                Some(EitherSession::OfTokens(_) | EitherSession::OfBrowser(_)) | None => return Ok(false),
            }
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
        notices::tell_of_sessions(transaction, std::slice::from_ref(session), reason)?;
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
    notices::tell_of_sessions(transaction, sessions, reason)?;
    let now_ms = transaction.now_ms();
    let ids: Vec<_> = sessions.iter().map(|session| session.id).collect();
    let ended = sessions::end(transaction.conn(), &ids, reason, now_ms)?;
    for session in sessions.iter().filter(|session| ended.contains(&session.id)) {
        has_ended(transaction, session, reason, initiator);
    }
    Ok(())
}

/// Ends live sessions whose rows are locked, and whose clients were told or need not be told.
pub(super) fn end_locked_sessions(
    transaction: &mut Transaction<'_>,
    live: &[Session],
    reason: EndReason,
    initiator: &Initiator,
) -> Result<(), TokenError> {
    if live.is_empty() {
        return Ok(());
    }
    let now_ms = transaction.now_ms();
    sessions::end_below(transaction.conn(), live, reason, now_ms)?;
    for session in live {
        has_ended(transaction, session, reason, initiator);
    }
    Ok(())
}

/// Records the end of a session, and revokes its access tokens.
fn has_ended(transaction: &mut Transaction<'_>, session: &Session, reason: EndReason, initiator: &Initiator) {
    let now_ms = transaction.now_ms();
    transaction.record(session_event(session, AuditEvent::new(AuditKind::SessionEnded, initiator), reason));
    transaction.revoke(session_fact(session, now_ms));
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
pub(crate) enum Step {
    /// It ended a batch of sessions, and there may be more.
    More,
    /// It ended all sessions that were left.
    Last,
}

impl Tokens {
    /// Ends every session of a user except `kept` and those below it. Returns whether there were any. If it fails in the middle,
    /// some sessions have ended, with their revocation facts, and the others continue.
    pub async fn end_other_sessions(
        &self,
        user_id: Uuid,
        kept: Uuid,
        initiator: Initiator,
    ) -> Result<bool, TokenError> {
        let step =
            move |transaction: &mut Transaction<'_>| end_others(transaction, user_id, kept, &initiator);
        self.end_in_batches(step).await
    }

    /// Ends every session of a user, and revokes every token that the user has.
    pub async fn end_all_sessions(&self, user_id: Uuid, initiator: Initiator) -> Result<(), TokenError> {
        let cuts = self.inner.settings.cuts();
        let step = move |transaction: &mut Transaction<'_>| end_all(transaction, cuts, user_id, &initiator);
        self.end_in_batches(step).await.map(drop)
    }

    /// Carries out steps until the last one. Returns whether any of them found something to end.
    pub(super) async fn end_in_batches<F>(&self, step: F) -> Result<bool, TokenError>
    where
        F: Fn(&mut Transaction<'_>) -> Result<(Step, bool), TokenError> + Clone + Send + 'static,
    {
        let mut has_found = false;
        loop {
            let step = step.clone();
            let done = self.inner.unit_of_work.commit(move |transaction| {
                let (step, found) = step(transaction)?;
                if matches!(step, Step::More) {
                    transaction.leave_announcement_to_next_step();
                }
                Ok::<_, TokenError>((step, found))
            });
            let (step, found) = done.await?.value;
            has_found |= found;
            match step {
                Step::More => {}
                Step::Last => return Ok(has_found),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Ends a batch of sessions. The browser sessions come first: nothing new comes from them while the rest ends.
fn end_others(
    transaction: &mut Transaction<'_>,
    user_id: Uuid,
    kept: Uuid,
    initiator: &Initiator,
) -> Result<(Step, bool), TokenError> {
    if users::lock(transaction.conn(), user_id)?.is_none() {
        return Ok((Step::Last, false));
    }
    end_others_of_locked(transaction, user_id, kept, EndReason::EndedByUser, initiator)
}

/// The same for a user whose lock the caller holds.
pub(super) fn end_others_of_locked(
    transaction: &mut Transaction<'_>,
    user_id: Uuid,
    kept: Uuid,
    reason: EndReason,
    initiator: &Initiator,
) -> Result<(Step, bool), TokenError> {
    let now_ms = transaction.now_ms();
    // One more is read, because `kept` may be among them.
    let browsers =
        browser_sessions::live_of_user(transaction.conn(), user_id, now_ms, BROWSERS_IN_BATCH + 1)?;
    let others: Vec<_> = browsers.into_iter().map(|(id, _)| id).filter(|id| *id != kept).collect();
    for id in &others {
        if let Some(session) = browser_sessions::find(transaction.conn(), *id)? {
            end_browser_session(transaction, &session, reason, initiator)?;
        }
    }
    if i64::try_from(others.len()).is_ok_and(|count| count >= BROWSERS_IN_BATCH) {
        return Ok((Step::More, true));
    }
    authorization_codes::delete_unused_of_user_except(transaction.conn(), user_id, kept)?;
    let rest = sessions::some_of_user(transaction.conn(), user_id, now_ms, Some(kept), BATCH_SIZE)?;
    end_sessions(transaction, &rest, reason, initiator)?;
    let has_found = !others.is_empty() || !rest.is_empty();
    Ok((if is_full_batch(&rest) { Step::More } else { Step::Last }, has_found))
}

/// Ends a batch of sessions, or, if no more than a batch is left, all of them with one revocation fact. Takes the
/// user's lock before it reads the clock, so every token that was issued before is older than the cut and every
/// later one is newer.
fn end_all(
    transaction: &mut Transaction<'_>,
    cuts: CutRules,
    user_id: Uuid,
    initiator: &Initiator,
) -> Result<(Step, bool), TokenError> {
    let Some(credentials) = users::lock(transaction.conn(), user_id)? else {
        return Ok((Step::Last, false));
    };
    let (now_ms, reason) = (transaction.now_ms(), EndReason::LogoutAll);
    let some = sessions::some_of_user(transaction.conn(), user_id, now_ms, None, BATCH_SIZE)?;
    if is_full_batch(&some) {
        end_sessions(transaction, &some, reason, initiator)?;
        return Ok((Step::More, true));
    }
    cuts.end_all(transaction, &credentials.user, reason)?;
    transaction.record(AuditEvent::new(AuditKind::AllSessionsEnded, initiator).user(user_id));
    Ok((Step::Last, true))
}

pub(super) fn is_full_batch(sessions: &[Session]) -> bool {
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

    /// Takes the cut, ends the user's sessions, tells their clients, and deletes unredeemed codes, which could begin new
    /// sessions.
    pub(crate) fn end_all(
        self,
        transaction: &mut Transaction<'_>,
        user: &User,
        reason: EndReason,
    ) -> Result<(), DatabaseError> {
        self.cut(transaction, user)?;
        notices::tell_of_all_sessions(transaction, user.id)?;
        let now_ms = transaction.now_ms();
        sessions::end_all_of_user(transaction.conn(), user.id, reason, now_ms)?;
        browser_sessions::end_all_of_user(transaction.conn(), user.id, reason, now_ms)?;
        authorization_codes::delete_unused_of_user(transaction.conn(), user.id)?;
        Ok(())
    }
}
