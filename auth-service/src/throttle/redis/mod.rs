//! Counters in Redis: each step is one script, and so one atomic step and one round trip.

mod connection;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use redis::{Script, ScriptInvocation};
use shared_claims::issuer::RedisAddress;

use self::connection::Connection;
use super::Limited;
use super::key::CounterKey;
use super::place::StoreError;
use super::store::{Begun, Ending, Step};
use crate::domain::{AttemptEnd, AttemptId, Begin, CounterRule, RefusedBy, Remaining, UNDER_WAY_MS, Verdict};

/// The part of Redis's `maxmemory`, in percent, from which on no new counter is stored: revocations go first.
const MEMORY_FOR_ALL: u64 = 70;

pub(super) struct RedisCounters {
    connection: Connection,
    prefix: String,
    max_counters: u64,
    begin: Script,
    end: Script,
    /// Whether Redis has memory for new counters.
    has_memory: AtomicBool,
    live: AtomicU64,
}

impl RedisCounters {
    pub(super) fn new(address: RedisAddress, prefix: &str, max_counters: u32) -> Self {
        Self {
            connection: Connection::new(address, index_key(prefix)),
            prefix: prefix.to_owned(),
            max_counters: max_counters.into(),
            begin: script(include_str!("begin.lua")),
            end: script(include_str!("end.lua")),
            has_memory: AtomicBool::new(true),
            live: AtomicU64::new(0),
        }
    }

    pub(super) async fn begin(&self, step: &Step) -> Result<Begun, StoreError> {
        let mut call = self.begin.prepare_invoke();
        self.add_keys(&mut call, step.counters.iter().map(|counter| counter.key));
        let room = if self.has_memory.load(Ordering::Relaxed) { self.max_counters } else { 0 };
        call.arg(step.now_ms).arg(step.attempt.0.to_be_bytes().as_slice());
        call.arg(match step.what {
            Begin::UnderWay => "under_way",
            Begin::Failed => "failed",
        });
        call.arg(room);
        for counter in &step.counters {
            add_rule(&mut call, counter.rule);
        }
        let reply: Vec<i64> = self.call(&call).await?;
        let (begun, live) = read_begun(&reply, &step.counters).ok_or(StoreError::Reply)?;
        self.live.store(live, Ordering::Relaxed);
        Ok(begun)
    }

    pub(super) async fn end(
        &self,
        attempt: AttemptId,
        ends: &[Ending],
        now_ms: i64,
    ) -> Result<Vec<bool>, StoreError> {
        let mut call = self.end.prepare_invoke();
        self.add_keys(&mut call, ends.iter().map(|end| end.counter.key));
        call.arg(now_ms).arg(attempt.0.to_be_bytes().as_slice());
        for Ending { counter, how } in ends {
            call.arg(match how {
                AttemptEnd::Failed => "failed",
                AttemptEnd::NotJudged => "not_judged",
                AttemptEnd::Succeeded => "succeeded",
            });
            add_rule(&mut call, counter.rule);
        }
        let filled: Vec<i64> = self.call(&call).await?;
        if filled.len() != ends.len() {
            return Err(StoreError::Reply);
        }
        Ok(filled.into_iter().map(|filled| filled == 1).collect())
    }

    /// Looks at how full Redis is, and whether it is still the master.
    pub(super) async fn keep_house(&self) -> Result<(), StoreError> {
        self.connection.follow_master().await;
        let mut redis = self.connection.get().await?;
        let memory: String = redis::cmd("INFO").arg("memory").query_async(&mut redis).await?;
        let number = |name: &str| -> Option<u64> {
            memory.lines().find_map(|line| line.strip_prefix(name)).and_then(|rest| rest.trim().parse().ok())
        };
        let (used, max) = number("used_memory:").zip(number("maxmemory:")).ok_or(StoreError::Reply)?;
        let has_memory = max == 0 || used < max / 100 * MEMORY_FOR_ALL;
        self.has_memory.store(has_memory, Ordering::Relaxed);
        Ok(())
    }

    /// The number of counters at the last look.
    pub(super) fn live(&self) -> u64 {
        self.live.load(Ordering::Relaxed)
    }

    /// Drops the connection after a failure.
    pub(super) fn forget_connection(&self) {
        self.connection.close();
    }

    async fn call<T: redis::FromRedisValue>(&self, call: &ScriptInvocation<'_>) -> Result<T, StoreError> {
        let mut redis = self.connection.get().await?;
        Ok(call.invoke_async(&mut redis).await?)
    }

    fn add_keys(&self, call: &mut ScriptInvocation<'_>, counters: impl Iterator<Item = CounterKey>) {
        call.key(index_key(&self.prefix));
        for CounterKey(name) in counters {
            let mut key = format!("{}:", self.prefix).into_bytes();
            key.extend(name);
            call.key(key);
        }
    }
}

fn script(text: &str) -> Script {
    Script::new(&format!("local UNDER_WAY_MS = {UNDER_WAY_MS}\n{}{text}", include_str!("common.lua")))
}

/// The sorted set of all counters.
fn index_key(prefix: &str) -> String {
    format!("{prefix}:index")
}

fn add_rule(call: &mut ScriptInvocation<'_>, rule: CounterRule) {
    match rule {
        CounterRule::Rate { calls, per_ms } => call.arg("rate").arg(calls.max(1)).arg(per_ms),
        CounterRule::Window { failures, counts_ms } => call.arg("window").arg(failures).arg(counts_ms),
    };
}

/// Reads the reply of `begin.lua`.
fn read_begun(reply: &[i64], counters: &[Limited]) -> Option<(Begun, u64)> {
    let [is_counted, live, rest @ ..] = reply else { return None };
    let live = u64::try_from(*live).ok()?;
    if *is_counted == 0 {
        let [counter, kind, until_ms] = *rest else { return None };
        let verdict = match kind {
            1 => Verdict::UnderWay { until_ms },
            _ => Verdict::Full { until_ms },
        };
        return Some((Begun::No(RefusedBy { counter: usize::try_from(counter).ok()?, verdict }), live));
    }
    let (each, []) = rest.as_chunks::<3>() else { return None };
    let counted = counters.iter().zip(each).map(|(counter, [has_room, left, empty_at_ms])| {
        let left = u32::try_from(*left).ok()?;
        let remaining = Remaining { limit: counter.rule.limit(), left, empty_at_ms: *empty_at_ms };
        Some((*has_room == 1).then_some(remaining))
    });
    let counted: Vec<_> = counted.collect::<Option<_>>()?;
    (counted.len() == counters.len()).then_some((Begun::Counted(counted), live))
}
