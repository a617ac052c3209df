//! Counts attempts that may fail: each is counted when it begins, and no longer counts if it succeeds.
//!
//! Two rules decide how long a failure counts. Both see attempts that are under way: where only these fill the counter, a
//! further attempt waits for them and is not refused. So parallel guesses do not slip through, and parallel right logins are
//! never refused.

mod encoded;
mod step;

pub use self::step::{Begin, RefusedBy, Stepped, begin_in_all};

/// How long an attempt counts that never ends, because its process died, in milliseconds.
pub const UNDER_WAY_MS: i64 = 30_000;

/// The number of an attempt, drawn at random.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttemptId(pub u64);

/// How many failures a counter holds, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CounterRule {
    /// The generic cell rate algorithm: up to `calls` at once, and as many again evenly over `per_ms`.
    Rate {
        /// The most failures at once; at least 1.
        calls: u32,
        /// The time over which as many become free again, in milliseconds.
        per_ms: i64,
    },
    /// Each failure counts for a fixed time.
    Window {
        /// The number of failures that fills the counter; at least 1.
        failures: u32,
        /// How long a failure counts, in milliseconds.
        counts_ms: i64,
    },
}

impl CounterRule {
    /// The size of the whole counter.
    pub fn limit(self) -> u32 {
        match self {
            Self::Rate { calls, .. } => calls,
            Self::Window { failures, .. } => failures,
        }
    }

    /// What is left of a counter that is full until this time, in milliseconds since the Unix epoch.
    pub fn full_until(self, until_ms: i64) -> Remaining {
        let empty_at_ms = match self {
            // Until then one step becomes free, and after it the others.
            Self::Rate { calls, per_ms } => {
                until_ms.saturating_add(per_ms).saturating_sub(per_ms / i64::from(calls.max(1)))
            }
            Self::Window { .. } => until_ms,
        };
        Remaining { limit: self.limit(), left: 0, empty_at_ms }
    }

    /// The longest time that a failure counts, in milliseconds.
    pub fn ms(self) -> i64 {
        match self {
            Self::Rate { per_ms, .. } => per_ms,
            Self::Window { counts_ms, .. } => counts_ms,
        }
    }
}

/// Whether one more attempt may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may.
    Free,
    /// Attempts under way fill the counter. The first of them ends at this time at the latest.
    UnderWay {
        /// Milliseconds since the Unix epoch.
        until_ms: i64,
    },
    /// Failures fill the counter until this time.
    Full {
        /// Milliseconds since the Unix epoch.
        until_ms: i64,
    },
}

/// What is left of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remaining {
    /// The size of the whole counter.
    pub limit: u32,
    /// The number of attempts that may still begin.
    pub left: u32,
    /// When the counter is empty again if nothing more is counted, in milliseconds since the Unix epoch.
    pub empty_at_ms: i64,
}

/// How an attempt ended, for one of its counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptEnd {
    /// It failed, and counts from now on as its rule says.
    Failed,
    /// It no longer counts.
    NotJudged,
    /// It no longer counts, and neither do the failures before it.
    Succeeded,
}

/// The state of a counter. An empty one needs not be stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttemptCounter {
    /// [`CounterRule::Rate`]: when the counter is empty again, in microseconds since the Unix epoch.
    empty_at_us: i64,
    /// [`CounterRule::Window`]: when each failure stops to count, in milliseconds since the Unix epoch, in order.
    failures: Vec<i64>,
    /// The attempts under way, and when each stops to count.
    under_way: Vec<(AttemptId, i64)>,
}

impl AttemptCounter {
    /// Whether one more attempt may begin.
    pub fn verdict(&mut self, rule: CounterRule, now_ms: i64) -> Verdict {
        self.forget_ended(rule, now_ms);
        let under_way = count(self.under_way.len());
        match rule {
            CounterRule::Rate { .. } => {
                let (used_us, step_us, all_us) = self.used(rule, now_ms);
                if used_us.saturating_add(step_us.saturating_mul(under_way + 1)) <= all_us {
                    return Verdict::Free;
                }
                if used_us.saturating_add(step_us) <= all_us {
                    return self.wait(now_ms);
                }
                let until_us = self.empty_at_us.saturating_add(step_us).saturating_sub(all_us);
                Verdict::Full { until_ms: until_us.saturating_add(999).div_euclid(1000) }
            }
            CounterRule::Window { failures: limit, .. } => {
                let failures = count(self.failures.len());
                if failures + under_way < i64::from(limit) {
                    return Verdict::Free;
                }
                if failures < i64::from(limit) {
                    return self.wait(now_ms);
                }
                Verdict::Full { until_ms: self.failures.first().copied().unwrap_or(now_ms) }
            }
        }
    }

    /// Counts an attempt that begins. The caller has seen [`Verdict::Free`].
    pub fn begin(&mut self, attempt: AttemptId, now_ms: i64) {
        self.under_way.push((attempt, now_ms.saturating_add(UNDER_WAY_MS)));
    }

    /// Counts an attempt as failed. Returns whether this failure filled the counter.
    pub fn fail(&mut self, rule: CounterRule, attempt: AttemptId, now_ms: i64) -> bool {
        self.give_back(attempt);
        self.forget_ended(rule, now_ms);
        match rule {
            CounterRule::Rate { .. } => {
                let (used_us, step_us, all_us) = self.used(rule, now_ms);
                let used_us = used_us.saturating_add(step_us).min(all_us);
                self.empty_at_us = now_ms.saturating_mul(1000).saturating_add(used_us);
                used_us.saturating_add(step_us) > all_us
            }
            CounterRule::Window { failures: limit, counts_ms } => {
                let had = self.failures.len();
                let limit = usize::try_from(limit).unwrap_or(usize::MAX);
                if had >= limit {
                    // Only possible if an attempt took longer than it counts.
                    self.failures.remove(0);
                }
                self.failures.push(now_ms.saturating_add(counts_ms));
                had + 1 == limit
            }
        }
    }

    /// No longer counts an attempt.
    pub fn give_back(&mut self, attempt: AttemptId) {
        self.under_way.retain(|(other, _)| *other != attempt);
    }

    /// Forgets all failures. Attempts under way still count.
    pub fn forget_failures(&mut self) {
        self.empty_at_us = 0;
        self.failures.clear();
    }

    /// Ends an attempt. Returns whether it failed and this failure filled the counter.
    pub fn end(&mut self, rule: CounterRule, attempt: AttemptId, how: AttemptEnd, now_ms: i64) -> bool {
        match how {
            AttemptEnd::Failed => return self.fail(rule, attempt, now_ms),
            AttemptEnd::NotJudged => self.give_back(attempt),
            AttemptEnd::Succeeded => {
                self.give_back(attempt);
                self.forget_failures();
            }
        }
        self.forget_ended(rule, now_ms);
        false
    }

    /// What is left of the counter.
    pub fn remaining(&mut self, rule: CounterRule, now_ms: i64) -> Remaining {
        self.forget_ended(rule, now_ms);
        let under_way = count(self.under_way.len());
        let (limit, used, empty_at_ms) = match rule {
            CounterRule::Rate { calls, .. } => {
                let (used_us, step_us, _) = self.used(rule, now_ms);
                let used = used_us.saturating_add(step_us - 1) / step_us;
                (calls, used, self.empty_at_us.saturating_add(999).div_euclid(1000).max(now_ms))
            }
            CounterRule::Window { failures, .. } => {
                (failures, count(self.failures.len()), self.failures.last().copied().unwrap_or(now_ms))
            }
        };
        let left = i64::from(limit).saturating_sub(used).saturating_sub(under_way).max(0);
        Remaining { limit, left: u32::try_from(left).unwrap_or(u32::MAX), empty_at_ms }
    }

    /// When nothing counts any more if nothing more is counted, in milliseconds since the Unix epoch.
    pub fn empty_at_ms(&self) -> i64 {
        let under_way = self.under_way.iter().map(|(_, end_ms)| *end_ms).max().unwrap_or(i64::MIN);
        let failures = self.failures.last().copied().unwrap_or(i64::MIN);
        under_way.max(failures).max(self.empty_at_us.saturating_add(999).div_euclid(1000))
    }

    /// Whether nothing counts any more.
    pub fn is_empty(&mut self, rule: CounterRule, now_ms: i64) -> bool {
        self.forget_ended(rule, now_ms);
        self.under_way.is_empty()
            && self.failures.is_empty()
            && self.empty_at_us <= now_ms.saturating_mul(1000)
    }

    /// Drops what has ended. Nothing counts for longer than its rule says, even if the clock was set back.
    fn forget_ended(&mut self, rule: CounterRule, now_ms: i64) {
        for (_, end_ms) in &mut self.under_way {
            *end_ms = (*end_ms).min(now_ms.saturating_add(UNDER_WAY_MS));
        }
        self.under_way.retain(|(_, end_ms)| *end_ms > now_ms);
        match rule {
            CounterRule::Rate { per_ms, .. } => {
                let latest_us = now_ms.saturating_add(per_ms).saturating_mul(1000);
                self.empty_at_us = self.empty_at_us.min(latest_us);
            }
            CounterRule::Window { counts_ms, .. } => {
                for end_ms in &mut self.failures {
                    *end_ms = (*end_ms).min(now_ms.saturating_add(counts_ms));
                }
                self.failures.retain(|end_ms| *end_ms > now_ms);
            }
        }
    }

    /// Whether something counts for longer than its rule says, because the clock was set back.
    fn is_set_back(&self, rule: CounterRule, now_ms: i64) -> bool {
        let latest_ms = now_ms.saturating_add(rule.ms());
        let is_late = match rule {
            CounterRule::Rate { .. } => self.empty_at_us > latest_ms.saturating_mul(1000),
            CounterRule::Window { .. } => self.failures.iter().any(|end_ms| *end_ms > latest_ms),
        };
        let latest_ms = now_ms.saturating_add(UNDER_WAY_MS);
        is_late || self.under_way.iter().any(|(_, end_ms)| *end_ms > latest_ms)
    }

    /// How much of a rate is used, what one failure uses, and the whole, in microseconds.
    fn used(&self, rule: CounterRule, now_ms: i64) -> (i64, i64, i64) {
        let CounterRule::Rate { calls, per_ms } = rule else { return (0, 1, 0) };
        let all_us = per_ms.saturating_mul(1000);
        let step_us = (all_us / i64::from(calls.max(1))).max(1);
        (self.empty_at_us.saturating_sub(now_ms.saturating_mul(1000)).max(0), step_us, all_us)
    }

    fn wait(&self, now_ms: i64) -> Verdict {
        let first = self.under_way.iter().map(|(_, end_ms)| *end_ms).min();
        Verdict::UnderWay { until_ms: first.unwrap_or(now_ms) }
    }
}

fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
