//! The projector: it keeps the revocation list in Redis complete, every second and whenever a fact is announced.
//!
//! The projector keeps no state between rounds except counters. The state of the list is read from Redis, the facts
//! are read from the database, and every change compares both. So any number of auth-services may do this at the same
//! time, and each may be paused or killed between any two steps.

use std::time::Duration;

use service_kit::database::{Database, DatabaseError};
use shared_claims::clock::SharedClock;
use tokio::sync::watch;

use super::ProjectionSettings;
use super::continuity::{Continuity, LogEnd, Shown};
use super::redis::{ListState, RedisError, RevocationList, WriteOutcome};
use super::status::{ProjectionState, SharedStatus};
use crate::background;
use crate::random::Random;
use crate::storage::revocations::{self, LogPage};

/// The pause between two renewals.
const ROUND_EVERY: Duration = Duration::from_secs(1);
/// The pause after a failed round. It is short, because verifiers refuse valid tokens while the list is not renewed.
const RETRY_AFTER: Duration = Duration::from_millis(200);
/// How long a read of the revocation log may take.
const READ_LIMIT: Duration = Duration::from_secs(2);
/// How often a round is retried because another auth-service changed the list in the meantime.
const MAX_ATTEMPTS: usize = 8;
/// The most facts that one script writes.
pub(super) const FACTS_PER_SCRIPT: i64 = 500;
/// How long the list counts as contested after another issuer's list was last found, in milliseconds.
const CONTESTED_FOR_MS: u64 = 5_000;
/// The interval at which expired entries at the beginning of the stream are removed, in milliseconds.
const TRIM_EVERY_MS: u64 = 10_000;

/// The error of a round.
#[derive(Debug, thiserror::Error)]
pub(super) enum RoundError {
    #[error(transparent)]
    Redis(#[from] RedisError),
    #[error(transparent)]
    Log(#[from] DatabaseError),
}

/// What a reading of the log showed.
pub(super) enum LogReading {
    /// Facts of the log, which goes on from what is known.
    Page(LogPage),
    /// The database is an older state of itself: nothing of it may be delivered.
    Older,
    /// The database has another id than before.
    Another,
}

/// Keeps the revocation list in Redis complete.
pub(super) struct Projector {
    pub(super) database: Database,
    pub(super) database_id: String,
    pub(super) continuity: Continuity,
    pub(super) list: RevocationList,
    pub(super) settings: ProjectionSettings,
    pub(super) clock: SharedClock,
    pub(super) random: Random,
    pub(super) shared: SharedStatus,
    /// When the memory figures of Redis were last read (boot clock), and from which Redis process (`run_id`).
    memory_read_at: Option<u64>,
    run_id: String,
    /// Whether Redis had evicted keys since the list was built, when the memory figures were last read.
    pub(super) evicted: bool,
    trimmed_at: u64,
    /// Whether this process has renewed the list before. If so and another issuer's list is found later, another
    /// issuer is active.
    has_proven: bool,
    /// When another issuer's list was last found in place of this issuer's (boot clock).
    contested_at: Option<u64>,
}

impl Projector {
    pub(super) fn new(
        database: Database,
        (database_id, continuity): (String, Continuity),
        list: RevocationList,
        settings: ProjectionSettings,
        (clock, random): (SharedClock, Random),
    ) -> Self {
        let shared = SharedStatus::default();
        let trimmed_at = clock.boot_ms();
        Self {
            database,
            database_id,
            continuity,
            list,
            settings,
            clock,
            random,
            shared,
            memory_read_at: None,
            run_id: String::new(),
            evicted: false,
            trimmed_at,
            has_proven: false,
            contested_at: None,
        }
    }

    pub(super) fn shared(&self) -> SharedStatus {
        self.shared.clone()
    }

    pub(super) async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        loop {
            let pause = match background::step(self.round()).await {
                None => self.record(ProjectionState::Panicked, None),
                Some(Ok(state)) => self.record(state, None),
                Some(Err(error)) => {
                    let state = match error {
                        RoundError::Redis(_) => ProjectionState::RedisUnavailable,
                        RoundError::Log(_) => ProjectionState::DatabaseUnavailable,
                    };
                    self.record(state, Some(&error))
                }
            };
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => break,
                () = self.shared.wait_for_announcement() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Records the state of the round and logs it if it has changed. Returns the pause before the next round.
    fn record(&self, state: ProjectionState, error: Option<&RoundError>) -> Duration {
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
                // Said where it is found.
                (ProjectionState::Older, _) => {}
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
        let is_regular = matches!(
            state,
            ProjectionState::Current | ProjectionState::Contested | ProjectionState::MayEvict
        );
        if is_regular { ROUND_EVERY } else { RETRY_AFTER }
    }

    async fn round(&mut self) -> Result<ProjectionState, RoundError> {
        for _ in 0..MAX_ATTEMPTS {
            let memory = self.memory_is_due();
            let list_state = self.list.read_state(memory).await?;
            if !memory && list_state.run_id != self.run_id {
                // This is another Redis process than the one whose memory figures were read: read them again.
                self.memory_read_at = None;
                continue;
            }
            if memory {
                self.record_memory(&list_state);
            }
            if let Some(end) = &list_state.delivered {
                self.continuity.delivered(end);
            }
            self.record_contest(&list_state);
            let may_prove = self.settings.allow_eviction || !self.shared.status().may_evict;
            // While the list must not be proven, an eviction does not cause a rebuild: verifiers still follow what is
            // left of the list, so facts are added to it.
            let rebuild = self.evicted && may_prove;
            let complete_up_to = list_state.complete_up_to(&self.database_id).filter(|_| !rebuild);
            let now = self.clock.now_seconds();
            let after = complete_up_to.unwrap_or(0);
            let page = match self.read_page(after, None, now).await? {
                LogReading::Page(page) => page,
                LogReading::Older => return Ok(ProjectionState::Older),
                LogReading::Another => continue,
            };
            let done = match complete_up_to {
                // The log should never end before the list, because the list is made from the log and was read first.
                // If it does, although it goes on from what was delivered, the list was damaged, and is rebuilt.
                Some(last) if last <= page.last_seq => {
                    self.deliver(&list_state, last, page, may_prove).await?
                }
                _ if may_prove => self.rebuild(&list_state).await?,
                _ => WriteOutcome::Done,
            };
            let state = match done {
                WriteOutcome::Conflict => continue,
                WriteOutcome::Full => ProjectionState::Full,
                WriteOutcome::Done if !may_prove => ProjectionState::MayEvict,
                WriteOutcome::Done => {
                    self.has_proven = true;
                    if self.is_contested() { ProjectionState::Contested } else { ProjectionState::Current }
                }
            };
            // Also done if Redis is full, because it frees memory.
            self.trim_if_due(&list_state, now).await?;
            return Ok(state);
        }
        Ok(ProjectionState::Conflict)
    }

    /// Reads facts after `after`, up to `up_to` if given, else up to the current end of the log. Compares the log's end with
    /// what is known of it.
    pub(super) async fn read_page(
        &mut self,
        after: i64,
        up_to: Option<i64>,
        now: i64,
    ) -> Result<LogReading, DatabaseError> {
        let reading = self.continuity.begin();
        let read = self.database.snapshot(move |conn| {
            let page = revocations::page(conn, after, up_to, now, FACTS_PER_SCRIPT)?;
            Ok::<_, DatabaseError>((page, LogEnd::read(conn)?))
        });
        // A read that hangs is abandoned; the next round uses another connection.
        let Ok(read) = tokio::time::timeout(READ_LIMIT, read).await else {
            return Err(DatabaseError::Unavailable(format!("no answer within {} s", READ_LIMIT.as_secs())));
        };
        let (page, end) = read?;
        let is_older = self.continuity.end(&reading, &end) == Shown::Older;
        if end.database != self.database_id {
            self.database_id = end.database;
            self.has_proven = false;
            return Ok(LogReading::Another);
        }
        Ok(if is_older { LogReading::Older } else { LogReading::Page(page) })
    }

    /// Delivers the facts that the list lacks. Then proves the list complete as of the time of `list_state`, which was
    /// read before the facts were read.
    async fn deliver(
        &mut self,
        list_state: &ListState,
        mut after: i64,
        mut page: LogPage,
        may_prove: bool,
    ) -> Result<WriteOutcome, RoundError> {
        let end = page.last_seq;
        let now = self.clock.now_seconds();
        loop {
            let last = page.is_last(FACTS_PER_SCRIPT);
            let up_to = if last { end } else { page.last_read(after) };
            let proof = (last && may_prove).then_some(self.settings.list_ttl);
            match self.list.deliver(list_state, &self.database_id, after, &page.facts, up_to, proof).await? {
                WriteOutcome::Done => {}
                not_done => return Ok(not_done),
            }
            self.shared.record_delivered(up_to);
            if last {
                return Ok(WriteOutcome::Done);
            }
            after = up_to;
            let LogReading::Page(next) = self.read_page(after, Some(end), now).await? else {
                return Ok(WriteOutcome::Conflict);
            };
            page = next;
        }
    }

    fn memory_is_due(&self) -> bool {
        let now = self.clock.boot_ms();
        self.memory_read_at.is_none_or(|at| now.saturating_sub(at) >= 1000)
    }

    /// Records whether another issuer has replaced this issuer's list.
    fn record_contest(&mut self, list_state: &ListState) {
        if self.has_proven && list_state.is_renewed_by_another(&self.database_id) {
            self.contested_at = Some(self.clock.boot_ms());
            self.shared.update(|status| status.contests += 1);
        }
    }

    fn is_contested(&self) -> bool {
        let now = self.clock.boot_ms();
        self.contested_at.is_some_and(|at| now.saturating_sub(at) <= CONTESTED_FOR_MS)
    }

    /// Records whether Redis is full, whether it may evict keys, and whether it has evicted any since the list was
    /// built.
    fn record_memory(&mut self, list_state: &ListState) {
        if list_state.is_full && !self.shared.status().is_full {
            tracing::warn!(
                "revocation.redis.memory_full: the list is kept beyond maxmemory, up to a quarter of it"
            );
        }
        self.memory_read_at = Some(self.clock.boot_ms());
        list_state.run_id.clone_into(&mut self.run_id);
        self.shared.update(|status| {
            status.is_full = list_state.is_full;
            status.memory_permille = list_state.memory_permille;
            status.may_evict = list_state.may_evict;
            status.evicted_keys = list_state.evicted_keys;
        });
        let before = std::mem::replace(&mut self.evicted, list_state.evicted_since());
        if self.evicted && !before && list_state.complete_up_to(&self.database_id).is_some() {
            tracing::error!(
                keys = list_state.evicted_keys,
                "revocation.redis.evicted: the list is to be rebuilt"
            );
        }
    }

    async fn trim_if_due(&mut self, list_state: &ListState, now: i64) -> Result<(), RoundError> {
        if self.clock.boot_ms().saturating_sub(self.trimmed_at) < TRIM_EVERY_MS {
            return Ok(());
        }
        let first_live = self.database.read(move |conn| revocations::first_live(conn, now)).await;
        self.list.trim(list_state, first_live?).await?;
        self.trimmed_at = self.clock.boot_ms();
        Ok(())
    }
}
