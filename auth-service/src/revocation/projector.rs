//! The projector: keeps the list in Redis whole, each second and whenever a fact was announced.
//!
//! Nothing is remembered between rounds but counters. Where the list stands is read from Redis, what belongs in it
//! from the database, and every change compares both: so any number of auth-services may do this at once, and each
//! may be paused or killed between any two steps.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use service_kit::database::{Database, DatabaseError};
use shared_claims::clock::SharedClock;
use tokio::sync::{Notify, watch};

use super::redis::{Delivery, Look, RedisError, RevocationList};
use super::status::{ProjectionState, ProjectionStatus};
use super::{ProjectionSettings, StartError};
use crate::background;
use crate::random::Random;
use crate::storage::revocations::{self, LogPage};

/// The longest pause between two renewals.
const ROUND_EVERY: Duration = Duration::from_secs(1);
/// The pause after a round that failed: short, since good tokens wait for the list.
const RETRY_AFTER: Duration = Duration::from_millis(200);
/// How long a read of the log may take.
const READ_LIMIT: Duration = Duration::from_secs(2);
/// How often a round starts anew because another auth-service was a step ahead.
const TRIES: usize = 8;
/// Facts written by one script.
pub(super) const FACTS_A_STEP: i64 = 500;
/// How often the stream's expired head is dropped.
const TRIM_EVERY_MS: u64 = 10_000;

/// Why a round ended early.
#[derive(Debug, thiserror::Error)]
pub(super) enum RoundError {
    #[error(transparent)]
    Redis(#[from] RedisError),
    #[error(transparent)]
    Log(#[from] DatabaseError),
}

/// What the handle sees of the projector.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    wake: Arc<Notify>,
    delivered: Arc<watch::Sender<i64>>,
    status: Arc<Mutex<ProjectionStatus>>,
}

impl Shared {
    /// Wakes the projector and waits until Redis has everything up to `seq`.
    pub(super) async fn delivered(&self, seq: i64) {
        let mut delivered = self.delivered.subscribe();
        self.wake.notify_one();
        // An error means that the projector has stopped; the fact stays in the log.
        let _ = delivered.wait_for(|delivered| *delivered >= seq).await;
    }

    pub(super) fn status(&self) -> ProjectionStatus {
        *self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn update(&self, change: impl FnOnce(&mut ProjectionStatus)) {
        change(&mut self.status.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn reached(&self, seq: i64) {
        self.delivered.send_replace(seq);
        self.update(|status| status.delivered = seq);
    }
}

pub(super) struct Projector {
    pub(super) database: Database,
    pub(super) database_id: String,
    pub(super) list: RevocationList,
    pub(super) settings: ProjectionSettings,
    pub(super) clock: SharedClock,
    pub(super) random: Random,
    pub(super) shared: Shared,
    /// When Redis's memory was last looked at, and of which process.
    memory_looked_at: Option<u64>,
    run_id: String,
    /// Whether Redis evicted something since the list was made, as of that look.
    pub(super) evicted: bool,
    trimmed_at: u64,
}

impl Projector {
    pub(super) fn new(
        database: Database,
        database_id: String,
        list: RevocationList,
        settings: ProjectionSettings,
        clock: SharedClock,
        random: Random,
    ) -> Self {
        let shared = Shared {
            wake: Arc::new(Notify::new()),
            delivered: Arc::new(watch::Sender::new(0)),
            status: Arc::default(),
        };
        let trimmed_at = clock.boot_ms();
        Self {
            database,
            database_id,
            list,
            settings,
            clock,
            random,
            shared,
            memory_looked_at: None,
            run_id: String::new(),
            evicted: false,
            trimmed_at,
        }
    }

    pub(super) fn shared(&self) -> Shared {
        self.shared.clone()
    }

    /// Stops the start where Redis may evict and nobody allowed it. A Redis that cannot be reached is met later.
    pub(super) async fn refuse_eviction(&mut self) -> Result<(), StartError> {
        match self.list.look(true).await {
            Ok(look) if look.may_evict && !self.settings.allow_eviction => Err(StartError::MayEvict),
            Ok(look) => {
                if look.may_evict {
                    tracing::warn!("revocation.redis.may_evict: revoked tokens may come back to life");
                }
                self.shared.update(|status| status.evicted_keys = look.evicted_keys);
                Ok(())
            }
            Err(error @ RedisError::Url) => Err(error.into()),
            Err(error) => {
                tracing::warn!(%error, "revocation.redis.unavailable: facts stay in the database until it is back");
                Ok(())
            }
        }
    }

    pub(super) async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        loop {
            let pause = match background::step(self.round()).await {
                None => self.note(ProjectionState::Panicked, None),
                Some(Ok(state)) => self.note(state, None),
                Some(Err(error)) => {
                    let state = match error {
                        RoundError::Redis(_) => ProjectionState::RedisUnavailable,
                        RoundError::Log(_) => ProjectionState::DatabaseUnavailable,
                    };
                    self.note(state, Some(&error))
                }
            };
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => break,
                () = self.shared.wake.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Logs a change of state, once, and says how long to pause.
    fn note(&self, state: ProjectionState, error: Option<&RoundError>) -> Duration {
        let before = self.shared.status().state;
        self.shared.update(|status| {
            status.state = state;
            match state {
                ProjectionState::Current => {
                    status.renewals += 1;
                    status.renewed_at_ms = self.clock.now_ms();
                }
                _ => status.failures += 1,
            }
        });
        if state != before {
            match (state, error) {
                (ProjectionState::Current, _) => tracing::info!("revocation.projection.current"),
                (ProjectionState::MayEvict, _) => tracing::error!(
                    "revocation.redis.may_evict: the list is not renewed until maxmemory-policy is noeviction"
                ),
                (_, Some(error)) => tracing::warn!(%error, "revocation.projection.failed"),
                (_, None) => tracing::warn!(state = state.as_str(), "revocation.projection.behind"),
            }
        }
        if matches!(state, ProjectionState::Current | ProjectionState::MayEvict) {
            ROUND_EVERY
        } else {
            RETRY_AFTER
        }
    }

    async fn round(&mut self) -> Result<ProjectionState, RoundError> {
        for _ in 0..TRIES {
            let memory = self.memory_is_due();
            let look = self.list.look(memory).await?;
            if !memory && look.run_id != self.run_id {
                // Another process than the one whose memory was looked at.
                self.memory_looked_at = None;
                continue;
            }
            if memory {
                self.note_memory(&look);
            }
            let may_prove = self.settings.allow_eviction || !self.shared.status().may_evict;
            // Of a list that cannot be proven now, what is left is still worth following.
            let rebuild = self.evicted && may_prove;
            let whole_up_to = look.whole_up_to(&self.database_id).filter(|_| !rebuild);
            let now = self.clock.now_seconds();
            let after = whole_up_to.unwrap_or(0);
            let page = self.read_page(after, None, now).await?;
            let done = match whole_up_to {
                // The log never ends before the list: the list came from it, and was looked at first.
                Some(last) if last <= page.last_seq => self.deliver(&look, last, page, may_prove).await?,
                _ if may_prove => self.rebuild(&look).await?,
                _ => Delivery::Done,
            };
            if done == Delivery::Done {
                self.trim_if_due(&look, now).await?;
                return Ok(if may_prove { ProjectionState::Current } else { ProjectionState::MayEvict });
            }
        }
        Ok(ProjectionState::Outrun)
    }

    /// Facts later than `after`; with `up_to` no later than that, else up to the log's end as it is now.
    pub(super) async fn read_page(
        &self,
        after: i64,
        up_to: Option<i64>,
        now: i64,
    ) -> Result<LogPage, DatabaseError> {
        let read =
            self.database.snapshot(move |conn| Ok(revocations::page(conn, after, up_to, now, FACTS_A_STEP)?));
        // A read that hangs goes on by itself; the next round tries another connection.
        match tokio::time::timeout(READ_LIMIT, read).await {
            Ok(page) => page,
            Err(_) => Err(DatabaseError::Unavailable(format!("no answer within {} s", READ_LIMIT.as_secs()))),
        }
    }

    /// Delivers what the list lacks, and proves it whole as of the moment of the look, which came before the read.
    async fn deliver(
        &mut self,
        look: &Look,
        mut after: i64,
        mut page: LogPage,
        may_prove: bool,
    ) -> Result<Delivery, RoundError> {
        let end = page.last_seq;
        let now = self.clock.now_seconds();
        loop {
            let last = page.is_last(FACTS_A_STEP);
            let up_to = if last { end } else { page.last_read(after) };
            let proof = (last && may_prove).then_some(self.settings.list_ttl);
            if self.list.deliver(look, after, &page.facts, up_to, proof).await? == Delivery::Outrun {
                return Ok(Delivery::Outrun);
            }
            self.shared.reached(up_to);
            if last {
                return Ok(Delivery::Done);
            }
            after = up_to;
            page = self.read_page(after, Some(end), now).await?;
        }
    }

    fn memory_is_due(&self) -> bool {
        let now = self.clock.boot_ms();
        self.memory_looked_at.is_none_or(|at| now.saturating_sub(at) >= 1000)
    }

    /// Notes whether Redis may evict, and whether it has since the list was made.
    fn note_memory(&mut self, look: &Look) {
        self.memory_looked_at = Some(self.clock.boot_ms());
        look.run_id.clone_into(&mut self.run_id);
        self.shared.update(|status| {
            status.may_evict = look.may_evict;
            status.evicted_keys = look.evicted_keys;
        });
        let before = std::mem::replace(&mut self.evicted, look.evicted_since());
        if self.evicted && !before && look.whole_up_to(&self.database_id).is_some() {
            tracing::error!(keys = look.evicted_keys, "revocation.redis.evicted: the list is to be rebuilt");
        }
    }

    async fn trim_if_due(&mut self, look: &Look, now: i64) -> Result<(), RoundError> {
        if self.clock.boot_ms().saturating_sub(self.trimmed_at) < TRIM_EVERY_MS {
            return Ok(());
        }
        let first_live =
            self.database.read(move |conn| Ok::<_, DatabaseError>(revocations::first_live(conn, now)?)).await;
        self.list.trim(look, first_live?).await?;
        self.trimmed_at = self.clock.boot_ms();
        Ok(())
    }
}
