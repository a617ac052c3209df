//! Waits at the start of a service for a database that does not work yet, for example because both were started at the
//! same time, or because PostgreSQL still recovers from a crash.

use std::fmt::Display;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{DatabaseError, DatabaseSettings};

/// The pause after the first failure. It doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How often the log says that the start still waits.
const LOG_EVERY: Duration = Duration::from_secs(15);

/// The error of a step of the start.
pub trait StartStepError: Display {
    /// The error of the database, if that is the cause.
    fn database_error(&self) -> Option<&DatabaseError>;
}

impl StartStepError for DatabaseError {
    fn database_error(&self) -> Option<&DatabaseError> {
        Some(self)
    }
}

/// Repeats the steps of a start that need the database, for at most `database.start_wait_seconds` in all.
///
/// A step is repeated only if waiting may help ([`DatabaseError::may_pass`]). A wrong password or a schema that is too new
/// ends the start at once.
#[derive(Debug)]
pub struct StartWait {
    began: Instant,
    limit: Duration,
    pause: Duration,
    logged: Option<Instant>,
}

impl StartWait {
    /// The time counts from now on.
    pub fn new(settings: &DatabaseSettings) -> Self {
        let limit = Duration::from_secs(settings.start_wait_seconds.into());
        Self { began: Instant::now(), limit, pause: FIRST_PAUSE, logged: None }
    }

    /// Runs a step until it succeeds, fails for good, or the time is over.
    ///
    /// # Errors
    /// The step's last error.
    pub async fn run<T, E: StartStepError>(
        &mut self,
        mut step: impl AsyncFnMut() -> Result<T, E>,
    ) -> Result<T, E> {
        loop {
            let error = match step().await {
                Ok(done) => {
                    self.log_end();
                    return Ok(done);
                }
                Err(error) => error,
            };
            let may_pass = error.database_error().is_some_and(DatabaseError::may_pass);
            if !may_pass || self.began.elapsed() + self.pause > self.limit {
                return Err(error);
            }
            self.log(&error);
            sleep(self.pause).await;
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn log(&mut self, error: &impl Display) {
        if self.logged.is_some_and(|last| last.elapsed() < LOG_EVERY) {
            return;
        }
        self.logged = Some(Instant::now());
        tracing::warn!(
            %error,
            waited_seconds = self.began.elapsed().as_secs(),
            at_most_seconds = self.limit.as_secs(),
            "database.waiting: the start goes on when the database works"
        );
    }

    fn log_end(&mut self) {
        if self.logged.take().is_some() {
            tracing::info!(waited_ms = self.began.elapsed().as_millis(), "database.works");
        }
        self.pause = FIRST_PAUSE;
    }
}
