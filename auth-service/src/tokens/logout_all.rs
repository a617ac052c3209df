//! Ends many sessions, in batches: a transaction that ends sessions holds the lock of the revocation log until it
//! commits, and every other logout waits for that lock.

use std::sync::Arc;
use std::time::Duration;

use service_kit::database::DbConnection;
use uuid::Uuid;

use super::logout::Ended;
use super::{Inner, TokenError, Tokens};
use crate::domain::{AuditEvent, AuditKind, EndReason, Origin, Session};
use crate::storage::{sessions, users};

/// The most sessions ended in one transaction.
pub(super) const BATCH: i64 = 200;
/// The pause between two transactions, so that other transactions get their turn, on SQLite too.
const BREATH: Duration = Duration::from_millis(20);

/// The result of one transaction.
enum Step {
    /// It ended a batch of sessions, and there may be more.
    More(Vec<Ended>),
    /// It ended all sessions that were left.
    Last(Vec<Ended>),
}

impl Tokens {
    /// Ends every session of a user except `kept`. If it fails in the middle, some sessions have ended, with their
    /// revocation facts, and the others continue.
    pub async fn end_other_sessions(
        &self,
        user_id: Uuid,
        kept: Uuid,
        origin: Origin,
    ) -> Result<(), TokenError> {
        self.end_in_steps(origin, move |inner, conn, origin| inner.end_others(conn, user_id, kept, origin))
            .await
    }

    /// Ends every session of a user, and revokes every token that the user has.
    pub async fn end_all_sessions(&self, user_id: Uuid, origin: Origin) -> Result<(), TokenError> {
        self.end_in_steps(origin, move |inner, conn, origin| inner.end_all(conn, user_id, origin)).await
    }

    async fn end_in_steps<F>(&self, origin: Origin, step: F) -> Result<(), TokenError>
    where
        F: Fn(&Inner, &mut DbConnection, &Origin) -> Result<Step, TokenError> + Clone + Send + 'static,
    {
        loop {
            let (inner, origin, step) = (Arc::clone(&self.inner), origin.clone(), step.clone());
            match self.inner.database.write(move |conn| step(&inner, conn, &origin)).await? {
                Step::More(ended) => ended.iter().for_each(|ended| ended.event.log()),
                Step::Last(ended) => {
                    self.tell_all(ended).await;
                    return Ok(());
                }
            }
            tokio::time::sleep(BREATH).await;
        }
    }
}

impl Inner {
    fn end_others(
        &self,
        conn: &mut DbConnection,
        user_id: Uuid,
        kept: Uuid,
        origin: &Origin,
    ) -> Result<Step, TokenError> {
        if users::lock(conn, user_id)?.is_none() {
            return Ok(Step::Last(Vec::new()));
        }
        let now_ms = self.clock.now_ms();
        let others = sessions::some_of_user(conn, user_id, now_ms, Some(kept), BATCH)?;
        let ended = self.end_sessions(conn, &others, EndReason::EndedByUser, origin, now_ms)?;
        Ok(if is_batch(&others) { Step::More(ended) } else { Step::Last(ended) })
    }

    /// Ends a batch of sessions, or, if no more than a batch is left, all of them with one revocation fact. Takes the
    /// user's lock before it reads the clock, so every token that was issued before is older than the cut and every
    /// later one is newer.
    fn end_all(&self, conn: &mut DbConnection, user_id: Uuid, origin: &Origin) -> Result<Step, TokenError> {
        let Some(credentials) = users::lock(conn, user_id)? else { return Ok(Step::Last(Vec::new())) };
        let (now_ms, reason) = (self.clock.now_ms(), EndReason::LogoutAll);
        let some = sessions::some_of_user(conn, user_id, now_ms, None, BATCH)?;
        if is_batch(&some) {
            return Ok(Step::More(self.end_sessions(conn, &some, reason, origin, now_ms)?));
        }
        let cut = self.settings.cuts().end_all(conn, &credentials.user, reason, now_ms)?;
        let event = AuditEvent::new(AuditKind::AllSessionsEnded, origin).user(user_id);
        self.recorder.record(conn, &event, now_ms)?;
        Ok(Step::Last(vec![Ended { event, seq: cut.append(conn, now_ms)? }]))
    }
}

fn is_batch(sessions: &[Session]) -> bool {
    i64::try_from(sessions.len()).is_ok_and(|count| count >= BATCH)
}
