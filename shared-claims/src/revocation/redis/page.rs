//! What Redis answers to a reader of the stream, parsed.

use redis::streams::{StreamId, StreamRangeReply};
use redis::{FromRedisValue, RedisError, RedisResult, Value};

use super::RedisKeys;
use crate::revocation::{Fact, Kind, MalformedFact};

/// The page size: a page of it arrives well within a call's limit.
pub(super) const PAGE: usize = 1_000;

/// An entry of the stream.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) fact: Result<Fact, MalformedFact>,
}

/// One answer: entries behind a position, and what stood beside them at that moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Page {
    pub(super) entries: Vec<Entry>,
    /// Whether there may be more behind it.
    pub(super) full: bool,
    pub(super) epoch: Option<String>,
    pub(super) as_of_ms: Option<i64>,
    pub(super) time_ms: i64,
}

/// Redis's `TIME` in milliseconds, rounded up: an age is rather too great than too small.
pub(super) fn time_ms((seconds, micros): (i64, i64)) -> i64 {
    seconds.saturating_mul(1_000).saturating_add(micros.saturating_add(999) / 1_000)
}

/// Reads a page behind `position` in one transaction.
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

/// Whether Redis refused to queue commands for a transaction. Beyond its `maxmemory` it does, even for commands that only
/// read.
fn is_full(error: &RedisError) -> bool {
    matches!(error.code(), Some("OOM" | "EXECABORT"))
}

/// Reads a page command by command, which a full Redis allows. It proves what a transaction proves: `as_of` was read before
/// the entries, so every fact that it speaks of stood in the stream by then; and that stream was not replaced before the
/// entries were read, because the epoch, which no list gets twice, is the same before and after. Where it is not, the page
/// comes without an epoch, and proves nothing.
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

/// `epoch`, `as_of`, the stream's entries, `TIME` and `epoch` again, as a full Redis is asked for them.
type Apart = (Option<String>, Option<String>, StreamRangeReply, (i64, i64), Option<String>);

/// The stream's entries, `epoch`, `as_of` and `TIME`, as they were asked for.
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
    Entry { fact: fact(&entry).ok_or(MalformedFact), id: entry.id }
}

fn fact(entry: &StreamId) -> Option<Fact> {
    let kind = Kind::parse(&text(entry, "kind")?)?;
    let at = if kind.has_cut() { Some(text(entry, "at")?.parse().ok()?) } else { None };
    Some(Fact { kind, id: text(entry, "id")?, at, exp: text(entry, "exp")?.parse().ok()? })
}

fn text(entry: &StreamId, field: &str) -> Option<String> {
    entry.map.get(field).and_then(|value: &Value| String::from_redis_value_ref(value).ok())
}
