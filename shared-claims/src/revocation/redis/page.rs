//! Reads and parses one page of the stream.

use redis::streams::{StreamId, StreamRangeReply};
use redis::{FromRedisValue, RedisError, RedisResult, Value};

use super::keys::RedisKeys;
use crate::revocation::contract::{FIELD_AT, FIELD_EXP, FIELD_ID, FIELD_KIND};
use crate::revocation::{InvalidRevocationFact, RevocationFact, RevocationKind};

/// Entries per page. A page of this size arrives well within the time limit of a call.
pub(super) const PAGE: usize = 1_000;

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
    transaction.cmd("XRANGE").arg(keys.events()).arg(format!("({position}")).arg("+").arg("COUNT").arg(PAGE);
    transaction.cmd("GET").arg(keys.epoch());
    transaction.cmd("GET").arg(keys.as_of());
    transaction.cmd("TIME");
    match transaction.query_async(redis).await {
        Ok(answer) => Ok(Page::of(answer)),
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
    commands.cmd("XRANGE").arg(keys.events()).arg(format!("({position}")).arg("+").arg("COUNT").arg(PAGE);
    commands.cmd("TIME");
    commands.cmd("GET").arg(keys.epoch());
    let (before, as_of, range, time, after): Apart = commands.query_async(redis).await?;
    Ok(Page::of((range, after.filter(|epoch| before.as_ref() == Some(epoch)), as_of, time)))
}

/// The responses in the order of the single commands: `epoch`, `as_of`, the stream's entries, `TIME` and `epoch` again.
type Apart = (Option<String>, Option<String>, StreamRangeReply, (i64, i64), Option<String>);

/// The responses of the transaction: the stream's entries, `epoch`, `as_of` and `TIME`.
pub(super) type Answer = (StreamRangeReply, Option<String>, Option<String>, (i64, i64));

impl Page {
    pub(super) fn of((range, epoch, as_of, time): Answer) -> Self {
        Self {
            full: range.ids.len() >= PAGE,
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
