//! Runs one database operation at a time for all tasks that need its result.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use service_kit::database::DatabaseError;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// How long the operation is waited for. Many tasks wait for it, and each of them has a request to answer. The
/// operation itself ends by the time limits of the database.
const LIMIT: Duration = Duration::from_secs(2);

/// Lets callers take turns. A caller that waits for a turn while another caller's operation fails gets that failure
/// too. Otherwise, in an outage, a hundred waiting callers would try one after the other, and each would wait for all
/// failures before its own.
#[derive(Debug, Default)]
pub(crate) struct SingleFlight {
    turn: Arc<AsyncMutex<()>>,
    failures: Mutex<Failures>,
}

#[derive(Debug, Default)]
struct Failures {
    count: u64,
    last: Option<DatabaseError>,
}

/// The right to run the operation, until it is dropped.
pub(crate) type Turn = OwnedMutexGuard<()>;

impl SingleFlight {
    /// Waits for the turn. The caller then checks whether another caller has done the work in the meantime.
    ///
    /// # Errors
    /// The database failure of another caller's operation since this call began.
    pub(crate) async fn turn(&self) -> Result<Turn, DatabaseError> {
        let before = self.failures().count;
        let turn = Arc::clone(&self.turn).lock_owned().await;
        let failures = self.failures();
        match &failures.last {
            Some(last) if failures.count != before => Err(last.duplicate()),
            _ => Ok(turn),
        }
    }

    /// The turn, if nobody has it.
    pub(crate) fn try_turn(&self) -> Option<Turn> {
        Arc::clone(&self.turn).try_lock_owned().ok()
    }

    /// Runs the operation of the caller that has the turn, with a time limit, and notes a database failure for the
    /// callers that wait.
    pub(crate) async fn run<T, E: From<DatabaseError>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
        database_error: impl Fn(&E) -> Option<&DatabaseError>,
    ) -> Result<T, E> {
        let outcome = tokio::time::timeout(LIMIT, work).await.unwrap_or_else(|_| {
            let late = format!("no answer within {} s", LIMIT.as_secs());
            Err(DatabaseError::Unavailable(late).into())
        });
        if let Some(failure) = outcome.as_ref().err().and_then(database_error) {
            let mut failures = self.failures();
            failures.count += 1;
            failures.last = Some(failure.duplicate());
        }
        outcome
    }

    fn failures(&self) -> std::sync::MutexGuard<'_, Failures> {
        // The lock is held for plain assignments only, which cannot panic.
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;
    use tokio::sync::Notify;

    use super::*;

    async fn work(
        flight: &SingleFlight,
        done: &AtomicUsize,
        go: &Notify,
        is_away: bool,
    ) -> Result<(), DatabaseError> {
        let _turn = flight.turn().await?;
        let work = async {
            done.fetch_add(1, Ordering::Relaxed);
            go.notified().await;
            if is_away { Err(DatabaseError::Unavailable("away".to_owned())) } else { Ok(()) }
        };
        flight.run(work, |error: &DatabaseError| Some(error)).await
    }

    #[tokio::test]
    async fn who_waits_for_work_that_fails_fails_with_it() {
        let (flight, done, go) = (SingleFlight::default(), AtomicUsize::new(0), Notify::new());
        // A hundred is fewer than the operations after which tokio makes a task yield, so all callers wait before the
        // first one is allowed to continue.
        let all = join_all((0..100).map(|_| work(&flight, &done, &go, true)));
        let (outcomes, ()) = tokio::join!(all, async { go.notify_one() });
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(error) if error.is_transient())));
        assert_eq!(done.load(Ordering::Relaxed), 1);
        // A later caller tries again.
        go.notify_one();
        assert!(work(&flight, &done, &go, false).await.is_ok());
    }

    #[tokio::test]
    async fn work_that_hangs_is_given_up() {
        let (flight, done, go) = (SingleFlight::default(), AtomicUsize::new(0), Notify::new());
        let outcomes = join_all((0..200).map(|_| work(&flight, &done, &go, false))).await;
        assert!(outcomes.iter().all(Result::is_err));
        assert_eq!(done.load(Ordering::Relaxed), 1);
    }
}
