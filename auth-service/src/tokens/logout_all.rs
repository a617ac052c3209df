//! Ends many sessions, in batches: a transaction that ends sessions holds the lock of the revocation log until it
//! commits, and every other logout waits for that lock.

use std::time::Duration;

use uuid::Uuid;

use super::logout::end_sessions;
use super::{CutRules, TokenError, Tokens};
use crate::domain::{AuditEvent, AuditKind, EndReason, Initiator, Session};
use crate::storage::{Transaction, sessions, users};

/// The most sessions ended in one transaction.
pub(super) const BATCH: i64 = 200;
/// The pause between two transactions, so that other transactions get their turn, on SQLite too.
const BREATH: Duration = Duration::from_millis(20);

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
        self.end_in_steps(move |transaction| end_others(transaction, user_id, kept, &initiator)).await
    }

    /// Ends every session of a user, and revokes every token that the user has.
    pub async fn end_all_sessions(&self, user_id: Uuid, initiator: Initiator) -> Result<(), TokenError> {
        let cuts = self.inner.settings.cuts();
        self.end_in_steps(move |transaction| end_all(transaction, cuts, user_id, &initiator)).await
    }

    async fn end_in_steps<F>(&self, step: F) -> Result<(), TokenError>
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
            tokio::time::sleep(BREATH).await;
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
    let others = sessions::some_of_user(transaction.conn(), user_id, now_ms, Some(kept), BATCH)?;
    end_sessions(transaction, &others, EndReason::EndedByUser, initiator)?;
    Ok(if is_batch(&others) { Step::More } else { Step::Last })
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
    let some = sessions::some_of_user(transaction.conn(), user_id, now_ms, None, BATCH)?;
    if is_batch(&some) {
        end_sessions(transaction, &some, reason, initiator)?;
        return Ok(Step::More);
    }
    cuts.end_all(transaction, &credentials.user, reason)?;
    transaction.record(AuditEvent::new(AuditKind::AllSessionsEnded, initiator).user(user_id));
    Ok(Step::Last)
}

fn is_batch(sessions: &[Session]) -> bool {
    i64::try_from(sessions.len()).is_ok_and(|count| count >= BATCH)
}
