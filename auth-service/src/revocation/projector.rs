//! The projector: keeps the list in Redis whole, each second and whenever a fact was announced.
//!
//! Nothing is remembered between rounds but counters. Where the list stands is read from Redis, what belongs in it
//! from the database, and every change compares both: so any number of auth-services may do this at once, and each
//! may be paused or killed between any two steps.

use std::time::Duration;

use service_kit::database::{Database, DatabaseError};
use shared_claims::clock::SharedClock;
use tokio::sync::watch;

use super::ProjectionSettings;
use super::redis::{Delivery, Look, RedisError, RevocationList};
use super::shared::Shared;
use super::status::ProjectionState;
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
/// How long another issuer is spoken of after it was last noticed.
const CONTESTED_FOR_MS: u64 = 5_000;
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
    /// Whether this process has proven the list before: who finds another's in its place then is not alone.
    has_proven: bool,
    /// When another issuer's list was last found in place of ours (boot clock).
    contested_at: Option<u64>,
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
        let shared = Shared::default();
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
            has_proven: false,
            contested_at: None,
        }
    }

    pub(super) fn shared(&self) -> Shared {
        self.shared.clone()
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
                () = self.shared.woken() => {}
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
                ProjectionState::Current | ProjectionState::Contested => {
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
                (ProjectionState::Contested, _) => tracing::error!(
                    prefix = self.settings.prefix,
                    "revocation.projection.contested: another issuer, with another database, keeps its list in this Redis \
                     under the same prefix, and both replace each other's; give one of them, and its verifiers, another \
                     revocation.prefix"
                ),
                (ProjectionState::Full, _) => tracing::error!(
                    "revocation.redis.full: facts wait in the database, and verifiers refuse until they are delivered; \
                     free memory in Redis, or raise its maxmemory"
                ),
                (_, Some(error)) => tracing::warn!(%error, "revocation.projection.failed"),
                (_, None) => tracing::warn!(state = state.as_str(), "revocation.projection.behind"),
            }
        }
        let is_settled = matches!(
            state,
            ProjectionState::Current | ProjectionState::Contested | ProjectionState::MayEvict
        );
        if is_settled { ROUND_EVERY } else { RETRY_AFTER }
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
            self.note_contest(&look);
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
            let state = match done {
                Delivery::Outrun => continue,
                Delivery::Full => ProjectionState::Full,
                Delivery::Done if !may_prove => ProjectionState::MayEvict,
                Delivery::Done => {
                    self.has_proven = true;
                    if self.is_contested() { ProjectionState::Contested } else { ProjectionState::Current }
                }
            };
            // Where Redis is full, too: it makes room.
            self.trim_if_due(&look, now).await?;
            return Ok(state);
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
            match self.list.deliver(look, after, &page.facts, up_to, proof).await? {
                Delivery::Done => {}
                refused => return Ok(refused),
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

    /// Notes whether another issuer has put its list in place of ours.
    fn note_contest(&mut self, look: &Look) {
        if self.has_proven && look.is_kept_by_another(&self.database_id) {
            self.contested_at = Some(self.clock.boot_ms());
            self.shared.update(|status| status.contests += 1);
        }
    }

    fn is_contested(&self) -> bool {
        let now = self.clock.boot_ms();
        self.contested_at.is_some_and(|at| now.saturating_sub(at) <= CONTESTED_FOR_MS)
    }

    /// Notes whether Redis is full, whether it may evict, and whether it has since the list was made.
    fn note_memory(&mut self, look: &Look) {
        if look.is_full && !self.shared.status().is_full {
            tracing::warn!(
                "revocation.redis.memory_full: the list is kept beyond maxmemory, up to a quarter of it"
            );
        }
        self.memory_looked_at = Some(self.clock.boot_ms());
        look.run_id.clone_into(&mut self.run_id);
        self.shared.update(|status| {
            status.is_full = look.is_full;
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
