//! The state of the revocation list in Redis, and the changes to it.

use std::time::Duration;

use redis::ScriptInvocation;
use shared_claims::issuer::contract::{self, AS_OF, DATABASE, EPOCH, EVENTS, MAX_CLOCK_STEP_MS, is_epoch_of};

use super::Scripts;
use super::connection::{Connection, RedisError};
use crate::revocation::continuity::LogEnd;
use crate::storage::revocations::SequencedFact;

/// The state of the list in Redis at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListState {
    /// `TIME`, milliseconds on Redis's clock.
    pub time_ms: i64,
    /// The `run_id` of the Redis process.
    pub run_id: String,
    /// The current epoch; empty if there is none.
    pub epoch: String,
    /// The database that the list was made from, and its newest fact that was delivered; `None` if there is none.
    pub delivered: Option<LogEnd>,
    /// The sequence number of the last delivered fact; `None` if the stream's last id was not written by this
    /// service.
    pub last_seq: Option<i64>,
    /// Whether the stream still has all entries that the auth-service added and has not trimmed.
    pub has_all_entries: bool,
    /// The time as of which the list is proven complete, milliseconds on Redis's clock; 0 if it is not proven.
    pub as_of_ms: i64,
    /// Whether Redis has reached its `maxmemory`, so that it refuses other writes. Only read on request.
    pub is_full: bool,
    /// The part of `maxmemory` that Redis uses, in thousandths; 0 without a `maxmemory`. Only read on request.
    pub memory_permille: u64,
    /// Whether Redis may evict keys: it has a `maxmemory`, and a policy other than `noeviction`. Only read on
    /// request.
    pub may_evict: bool,
    /// The number of keys evicted since Redis started. Only read on request.
    pub evicted_keys: u64,
    /// The number of keys that had been evicted when the list was built; `None` if it was not noted.
    pub evicted_before: Option<u64>,
}

impl ListState {
    /// The sequence number up to which the list is complete, if it is: it was made by this Redis process and from
    /// this database, and its proof is not from the future. (A proof from the future occurs when Redis's clock was
    /// set back; until the clock has caught up, a renewal would have no effect.)
    pub fn complete_up_to(&self, database: &str) -> Option<i64> {
        let made_here = is_epoch_of(&self.epoch, &self.run_id);
        let proven = self.as_of_ms <= self.time_ms.saturating_add(MAX_CLOCK_STEP_MS);
        let is_complete = made_here && proven && self.has_all_entries && self.is_of(database);
        if is_complete { self.last_seq } else { None }
    }

    /// Whether this is the list of another database and was proven a short time ago, which means that another issuer
    /// maintains it.
    pub fn is_renewed_by_another(&self, database: &str) -> bool {
        let made_here = is_epoch_of(&self.epoch, &self.run_id);
        let is_fresh = self.time_ms.saturating_sub(self.as_of_ms) <= RENEWED_WITHIN_MS;
        made_here && is_fresh && self.delivered.is_some() && !self.is_of(database)
    }

    fn is_of(&self, database: &str) -> bool {
        self.delivered.as_ref().is_some_and(|end| end.database == database)
    }

    /// Whether Redis has evicted any key since the list was built, part of the list or not. Only known if the memory
    /// figures were read.
    pub fn evicted_since(&self) -> bool {
        self.evicted_before != Some(self.evicted_keys)
    }
}

/// The outcome of a change to the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    /// The change was made.
    Done,
    /// Another auth-service changed the list in the meantime, or the Redis process is another one than before: read
    /// the state again.
    Conflict,
    /// Redis is so full that not even facts are written. Nothing was changed or proven.
    Full,
}

/// The revocation list in one Redis.
#[derive(Debug)]
pub struct RevocationList {
    connection: Connection,
    prefix: String,
    scripts: Scripts,
}

/// Keys (without the prefix) that only the issuer reads: how many entries the stream holds, and how many keys Redis
/// had evicted when the list was made.
const ENTRIES: &str = "entries";
const EVICTED: &str = "evicted";

/// If a proof is not older than this, milliseconds, an issuer is renewing it. An active issuer does so every second.
const RENEWED_WITHIN_MS: i64 = 5_000;

/// How long a new stream is kept after facts were last added to it, milliseconds. After that the process that filled it
/// must have died.
const FILL_LIFE_MS: u64 = 60_000;

impl RevocationList {
    /// Creates the list for `prefix` in the Redis at `url`. Does not connect yet.
    pub fn new(url: &str, prefix: &str) -> Result<Self, RedisError> {
        Ok(Self {
            connection: Connection::new(url, prefix)?,
            prefix: prefix.to_owned(),
            scripts: Scripts::new(),
        })
    }

    fn key(&self, name: &str) -> String {
        contract::key(&self.prefix, name)
    }

    /// Reads the state of the list. With `memory` it also reads the memory figures.
    pub async fn read_state(&mut self, memory: bool) -> Result<ListState, RedisError> {
        let mut call = self.scripts.read_state.prepare_invoke();
        for name in [EPOCH, AS_OF, EVENTS, ENTRIES, DATABASE, EVICTED] {
            call.key(self.key(name));
        }
        call.arg(if memory { "1" } else { "0" });
        let reply: Vec<String> = self.connection.call(&call).await?;
        let [
            time,
            run_id,
            epoch,
            database,
            last_id,
            has_all_entries,
            as_of,
            used_memory,
            maxmemory,
            policy,
            evicted,
            evicted_before,
        ] = <[String; 12]>::try_from(reply).map_err(|_| RedisError::Reply)?;
        let number = |text: &str| text.parse::<u64>().map_err(|_| RedisError::Reply);
        let (used_memory, maxmemory) = (number(&used_memory)?, number(&maxmemory)?);
        Ok(ListState {
            time_ms: time.parse().map_err(|_| RedisError::Reply)?,
            run_id,
            epoch,
            delivered: LogEnd::parse(&database),
            last_seq: parse_id(&last_id),
            has_all_entries: has_all_entries == "1",
            as_of_ms: as_of.parse().map_err(|_| RedisError::Reply)?,
            is_full: maxmemory > 0 && used_memory >= maxmemory,
            memory_permille: used_memory.saturating_mul(1000).checked_div(maxmemory).unwrap_or(0),
            may_evict: maxmemory > 0 && policy != "noeviction",
            evicted_keys: number(&evicted)?,
            evicted_before: evicted_before.parse().ok(),
        })
    }

    /// Appends `facts`, which follow `after`, and moves the list's end to `up_to`. With a `proof`, the list counts as complete
    /// for this long after the time of `state`, which was read before the facts.
    pub async fn deliver(
        &mut self,
        state: &ListState,
        database: &str,
        after: i64,
        facts: &[SequencedFact],
        up_to: i64,
        proof: Option<Duration>,
    ) -> Result<WriteOutcome, RedisError> {
        let mut call = self.scripts.deliver.prepare_invoke();
        for name in [EPOCH, AS_OF, EVENTS, ENTRIES, DATABASE] {
            call.key(self.key(name));
        }
        call.arg(&state.epoch).arg(&state.run_id).arg(stream_id(after)).arg(stream_id(up_to));
        match proof {
            Some(life) => call.arg(state.time_ms).arg(millis(life)),
            None => call.arg("").arg(""),
        };
        call.arg(database).arg(up_to);
        self.add_facts(&mut call, facts);
        let outcome: String = self.connection.call(&call).await?;
        Ok(write_outcome(&outcome))
    }

    /// Appends `facts` to the stream that is being filled under `name`. Returns the number of facts in it, or `None`
    /// if Redis is too full.
    pub async fn fill(&mut self, name: &str, facts: &[SequencedFact]) -> Result<Option<usize>, RedisError> {
        let mut call = self.scripts.fill.prepare_invoke();
        call.key(self.key(name)).arg(FILL_LIFE_MS);
        self.add_facts(&mut call, facts);
        let held: i64 = self.connection.call(&call).await?;
        Ok(usize::try_from(held).ok())
    }

    /// Replaces the current stream by the filled one under a new epoch, if the current epoch is still the one that
    /// in `state`.
    pub async fn install(
        &mut self,
        state: &ListState,
        taken_ms: i64,
        rebuilt: &RebuiltStream<'_>,
        life: Duration,
    ) -> Result<WriteOutcome, RedisError> {
        let mut call = self.scripts.install.prepare_invoke();
        for name in [EPOCH, AS_OF, EVENTS, ENTRIES, DATABASE, EVICTED, rebuilt.stream] {
            call.key(self.key(name));
        }
        call.arg(&state.epoch)
            .arg(&state.run_id)
            .arg(contract::epoch(&state.run_id, rebuilt.epoch))
            .arg(rebuilt.database)
            .arg(rebuilt.facts)
            .arg(stream_id(rebuilt.up_to))
            .arg(taken_ms)
            .arg(millis(life))
            .arg(rebuilt.evicted_before)
            .arg(rebuilt.up_to);
        let outcome: String = self.connection.call(&call).await?;
        Ok(write_outcome(&outcome))
    }

    /// Removes the entries of the stream before `first_live`. Returns how many were removed.
    pub async fn trim(&mut self, state: &ListState, first_live: i64) -> Result<u64, RedisError> {
        let mut call = self.scripts.trim.prepare_invoke();
        call.key(self.key(EPOCH))
            .key(self.key(EVENTS))
            .key(self.key(ENTRIES))
            .arg(&state.epoch)
            .arg(stream_id(first_live));
        self.connection.call(&call).await
    }

    fn add_facts(&self, call: &mut ScriptInvocation<'_>, facts: &[SequencedFact]) {
        for SequencedFact { seq, fact } in facts {
            call.key(contract::fact_key(&self.prefix, fact.kind, &fact.id));
            call.arg(*seq).arg(fact.kind.as_str()).arg(&fact.id);
            match fact.at {
                Some(at) => call.arg(at),
                None => call.arg(""),
            };
            call.arg(fact.exp);
        }
    }
}

/// A new stream that was filled next to the current one.
#[derive(Clone, Copy, Debug)]
pub struct RebuiltStream<'a> {
    /// Its name under the prefix.
    pub stream: &'a str,
    /// The random part of the new epoch.
    pub epoch: &'a str,
    /// The id of the database it was made from.
    pub database: &'a str,
    /// The number of facts in it.
    pub facts: usize,
    /// The sequence number of the last fact that was committed when the log was read.
    pub up_to: i64,
    /// The number of keys that Redis had evicted when the filling began. A key that is evicted later may be part of
    /// the list.
    pub evicted_before: u64,
}

fn write_outcome(outcome: &str) -> WriteOutcome {
    match outcome {
        "ok" => WriteOutcome::Done,
        "full" => WriteOutcome::Full,
        _ => WriteOutcome::Conflict,
    }
}

fn millis(life: Duration) -> u64 {
    u64::try_from(life.as_millis()).unwrap_or(u64::MAX)
}

fn stream_id(seq: i64) -> String {
    format!("{seq}-0")
}

fn parse_id(id: &str) -> Option<i64> {
    id.strip_suffix("-0")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(run_id: &str, epoch: &str, last_seq: Option<i64>) -> ListState {
        ListState {
            time_ms: 1,
            run_id: run_id.to_owned(),
            epoch: epoch.to_owned(),
            delivered: LogEnd::parse("db:4"),
            last_seq,
            has_all_entries: true,
            as_of_ms: 0,
            is_full: false,
            memory_permille: 0,
            may_evict: false,
            evicted_keys: 0,
            evicted_before: Some(0),
        }
    }

    #[test]
    fn a_list_is_complete_only_in_the_process_and_from_the_database_that_made_it() {
        assert_eq!(state("a", "a:1", Some(4)).complete_up_to("db"), Some(4));
        assert_eq!(state("b", "a:1", Some(4)).complete_up_to("db"), None, "restarted, or failed over");
        assert_eq!(state("a", "", Some(4)).complete_up_to("db"), None, "flushed, or expired");
        assert_eq!(state("a", "a:1", Some(4)).complete_up_to("other"), None, "another database");
        let set_back = ListState { as_of_ms: 5_000, ..state("a", "a:1", Some(4)) };
        assert_eq!(set_back.complete_up_to("db"), None, "proven as of a future moment");
        let trimmed = ListState { has_all_entries: false, ..state("a", "a:1", Some(4)) };
        assert_eq!(trimmed.complete_up_to("db"), None, "trimmed by another program");
        assert_eq!(state("a", "a:1", None).complete_up_to("db"), None, "a stream that is not ours");
    }

    #[test]
    fn stream_ids_are_sequence_numbers() {
        assert_eq!(parse_id(&stream_id(17)), Some(17));
        assert_eq!(parse_id("17-1"), None);
        assert_eq!(parse_id("x-0"), None);
    }
}
