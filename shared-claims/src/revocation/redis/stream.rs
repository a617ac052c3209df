//! Reads the stream page by page, tracks how far it was read, and decides when the mirror is complete.

use redis::streams::{StreamId, StreamRangeReply};
use redis::{FromRedisValue, RedisError, RedisResult, Value};

use super::age_at_source;
use super::settings::RedisKeys;
use crate::revocation::contract::{FIELD_AT, FIELD_EXP, FIELD_ID, FIELD_KIND, is_epoch_of};
use crate::revocation::mirror::MirrorState;
use crate::revocation::{InvalidRevocationFact, RevocationFact, RevocationKind};

/// The number of entries per page. A page of this size arrives well within the time limit of a call.
pub(super) const PAGE_ENTRIES: usize = 1_000;

/// An entry of the stream.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) fact: Result<RevocationFact, InvalidRevocationFact>,
}

/// One page: the entries after a position, with the epoch, `as_of` and Redis's time at that moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Page {
    pub(super) entries: Vec<Entry>,
    /// Whether more entries may follow this page.
    pub(super) full: bool,
    pub(super) epoch: Option<String>,
    pub(super) as_of_ms: Option<i64>,
    pub(super) time_ms: i64,
}

/// Redis's `TIME` in milliseconds. Rounded up, so that an age computed from it is never too small.
pub(super) fn time_ms((seconds, micros): (i64, i64)) -> i64 {
    seconds.saturating_mul(1_000).saturating_add(micros.saturating_add(999) / 1_000)
}

/// Reads the page after `position` in one transaction.
pub(super) async fn read_page(
    redis: &mut redis::aio::MultiplexedConnection,
    keys: &RedisKeys,
    position: &str,
) -> RedisResult<Page> {
    let mut transaction = redis::pipe();
    transaction.atomic();
    transaction
        .cmd("XRANGE")
        .arg(keys.events())
        .arg(format!("({position}"))
        .arg("+")
        .arg("COUNT")
        .arg(PAGE_ENTRIES);
    transaction.cmd("GET").arg(keys.epoch());
    transaction.cmd("GET").arg(keys.as_of());
    transaction.cmd("TIME");
    match transaction.query_async(redis).await {
        Ok(reply) => Ok(Page::of(reply)),
        Err(error) if is_full(&error) => read_page_of_full_redis(redis, keys, position).await,
        Err(error) => Err(error),
    }
}

/// Whether Redis refused to queue commands for a transaction. It does so beyond its `maxmemory`, even for commands that
/// only read.
fn is_full(error: &RedisError) -> bool {
    matches!(error.code(), Some("OOM" | "EXECABORT"))
}

/// Reads a page command by command, which Redis allows beyond its `maxmemory`. The result proves the same as a
/// transaction. `as_of` was read before the entries, so every fact that it covers was in the stream by then. And the
/// stream was not replaced in between, because the epoch, which is new for each list, is the same before and after. If
/// the epoch differs, the page is returned without an epoch and proves nothing.
async fn read_page_of_full_redis(
    redis: &mut redis::aio::MultiplexedConnection,
    keys: &RedisKeys,
    position: &str,
) -> RedisResult<Page> {
    let mut commands = redis::pipe();
    commands.cmd("GET").arg(keys.epoch());
    commands.cmd("GET").arg(keys.as_of());
    commands
        .cmd("XRANGE")
        .arg(keys.events())
        .arg(format!("({position}"))
        .arg("+")
        .arg("COUNT")
        .arg(PAGE_ENTRIES);
    commands.cmd("TIME");
    commands.cmd("GET").arg(keys.epoch());
    let (before, as_of, range, time, after): SingleReplies = commands.query_async(redis).await?;
    Ok(Page::of((range, after.filter(|epoch| before.as_ref() == Some(epoch)), as_of, time)))
}

/// The replies to the single commands, in their order: `epoch`, `as_of`, the stream's entries, `TIME` and `epoch` again.
type SingleReplies = (Option<String>, Option<String>, StreamRangeReply, (i64, i64), Option<String>);

/// The replies of the transaction: the stream's entries, `epoch`, `as_of` and `TIME`.
pub(super) type TransactionReply = (StreamRangeReply, Option<String>, Option<String>, (i64, i64));

impl Page {
    pub(super) fn of((range, epoch, as_of, time): TransactionReply) -> Self {
        Self {
            full: range.ids.len() >= PAGE_ENTRIES,
            entries: range.ids.into_iter().map(entry).collect(),
            epoch,
            as_of_ms: as_of.and_then(|as_of| as_of.parse().ok()),
            time_ms: time_ms(time),
        }
    }
}

fn entry(entry: StreamId) -> Entry {
    Entry { fact: fact(&entry).ok_or(InvalidRevocationFact), id: entry.id }
}

fn fact(entry: &StreamId) -> Option<RevocationFact> {
    let kind = RevocationKind::parse(&text(entry, FIELD_KIND)?)?;
    let at = if kind.has_cut() { Some(text(entry, FIELD_AT)?.parse().ok()?) } else { None };
    Some(RevocationFact { kind, id: text(entry, FIELD_ID)?, at, exp: text(entry, FIELD_EXP)?.parse().ok()? })
}

fn text(entry: &StreamId, field: &str) -> Option<String> {
    entry.map.get(field).and_then(|value: &Value| String::from_redis_value_ref(value).ok())
}

/// The stream id before the first entry.
const START: &str = "0-0";

/// After how long a list with a malformed entry is read again from its beginning, milliseconds. The entry may have been
/// trimmed by then.
const REREAD_MALFORMED_AFTER_MS: i64 = 10_000;

/// What to do after a page.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PageOutcome {
    /// Read the next page at once.
    ReadNext,
    /// The mirror is complete: wait for new entries.
    Complete,
    /// The list does not prove anything at the moment: read again later.
    Unproven(Unproven),
}

/// Why a list does not prove that the mirror is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unproven {
    #[error("the list in Redis has no epoch: no issuer renews it, or it was lost")]
    NoEpoch,
    #[error("the list was found whole in another Redis process than this one")]
    OtherProcess,
    #[error("the list does not say as of when it is complete")]
    NoAsOf,
    #[error("the list is complete as of a moment that Redis's clock has not reached: the clock was set back")]
    ClockSetBack,
    #[error("the stream holds a malformed entry, which may hide a revocation")]
    Malformed,
}

/// The position in the stream. It starts again from the beginning when the list's epoch changes.
#[derive(Debug)]
pub(super) struct StreamPosition {
    run_id: String,
    epoch: Option<String>,
    last_id: String,
    malformed_since: Option<i64>,
    /// Whether a list was followed before, so that another epoch means that the list is read again.
    followed_before: bool,
}

impl StreamPosition {
    pub(super) fn new() -> Self {
        Self {
            run_id: String::new(),
            epoch: None,
            last_id: START.to_owned(),
            malformed_since: None,
            followed_before: false,
        }
    }

    /// Records that a connection was made to the process with this `run_id`.
    pub(super) fn connected(&mut self, run_id: &str) {
        run_id.clone_into(&mut self.run_id);
    }

    /// The id of the last entry read.
    pub(super) fn last_id(&self) -> &str {
        &self.last_id
    }

    pub(super) fn knows_epoch(&self) -> bool {
        self.epoch.is_some()
    }

    /// Processes the page that was read after [`last_id`](Self::last_id) by a request sent at `sent_ms` (boot clock).
    pub(super) fn process(&mut self, page: &Page, sent_ms: i64, state: &MirrorState) -> PageOutcome {
        // Facts are added to the mirror, even if the list as a whole proves nothing.
        let malformed = page.entries.iter().filter(|entry| !add_entry(entry, state)).count();
        let epoch = match &page.epoch {
            Some(epoch) if is_epoch_of(epoch, &self.run_id) => epoch,
            other => {
                let why = if other.is_some() { Unproven::OtherProcess } else { Unproven::NoEpoch };
                self.start_again(None);
                return PageOutcome::Unproven(why);
            }
        };
        if self.epoch.as_ref() != Some(epoch) {
            let from_start = self.last_id == START;
            self.start_again(Some(epoch.clone()));
            state.count_list();
            if std::mem::replace(&mut self.followed_before, true) {
                state.count_resync();
            }
            if !from_start {
                return PageOutcome::ReadNext;
            }
        }
        if let Some(last) = page.entries.last() {
            self.last_id.clone_from(&last.id);
        }
        if malformed > 0 {
            self.malformed_since.get_or_insert(sent_ms);
        }
        if page.full {
            return PageOutcome::ReadNext;
        }
        if let Some(since) = self.malformed_since {
            if sent_ms.saturating_sub(since) >= REREAD_MALFORMED_AFTER_MS {
                self.start_again(Some(epoch.clone()));
            }
            return PageOutcome::Unproven(Unproven::Malformed);
        }
        let Some(as_of_ms) = page.as_of_ms else { return PageOutcome::Unproven(Unproven::NoAsOf) };
        let Some(age_ms) = age_at_source(page.time_ms, as_of_ms) else {
            return PageOutcome::Unproven(Unproven::ClockSetBack);
        };
        state.complete_as_of(sent_ms.saturating_sub(age_ms));
        PageOutcome::Complete
    }

    fn start_again(&mut self, epoch: Option<String>) {
        self.epoch = epoch;
        START.clone_into(&mut self.last_id);
        self.malformed_since = None;
    }
}

/// Adds the fact of an entry to the mirror. Returns false for a malformed entry.
fn add_entry(entry: &Entry, state: &MirrorState) -> bool {
    let added = entry.fact.clone().and_then(|fact| state.add(&fact));
    if added.is_err() {
        state.count_malformed();
        tracing::error!(entry = %entry.id, "malformed entry in the revocation stream: refusing until it is gone");
    }
    added.is_ok()
}

#[cfg(test)]
mod plain_set;
#[cfg(test)]
mod tests;
