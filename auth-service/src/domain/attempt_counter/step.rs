//! The step with which an attempt begins in several counters at once.

use super::{AttemptCounter, AttemptId, CounterRule, Verdict};

/// What begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// An attempt that ends later.
    UnderWay,
    /// Something that counts like a failure at once.
    Failed,
}

/// A counter has no room, so nothing was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefusedBy {
    /// The place of the counter among those of the step.
    pub counter: usize,
    /// What it said: [`Verdict::UnderWay`] or [`Verdict::Full`].
    pub verdict: Verdict,
}

/// The outcome of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stepped {
    /// Why nothing was counted. Of several counters the one for which the attempt has to wait longest; one that is full comes
    /// before one that attempts under way fill, because waiting for these is of no use then.
    pub refusal: Option<RefusedBy>,
    /// Whether the counters are to be stored: the attempt is counted, or the clock was set back. Then what counts for longer
    /// than its rule says was shortened, and without storing that it would be shortened again and again.
    pub is_changed: bool,
}

/// Counts an attempt in all of these counters, or in none.
pub fn begin_in_all<'a>(
    counters: impl IntoIterator<Item = (CounterRule, &'a mut AttemptCounter)>,
    attempt: AttemptId,
    what: Begin,
    now_ms: i64,
) -> Stepped {
    let mut counters: Vec<_> = counters.into_iter().collect();
    let is_set_back = counters.iter().any(|(rule, state)| state.is_set_back(*rule, now_ms));
    let mut refusal: Option<RefusedBy> = None;
    for (counter, (rule, state)) in counters.iter_mut().enumerate() {
        let verdict = state.verdict(*rule, now_ms);
        if rank(verdict) > refusal.map_or(rank(Verdict::Free), |refusal| rank(refusal.verdict)) {
            refusal = Some(RefusedBy { counter, verdict });
        }
    }
    if refusal.is_some() {
        return Stepped { refusal, is_changed: is_set_back };
    }
    for (rule, state) in counters {
        match what {
            Begin::UnderWay => state.begin(attempt, now_ms),
            Begin::Failed => {
                state.fail(rule, attempt, now_ms);
            }
        }
    }
    Stepped { refusal: None, is_changed: true }
}

/// Of two verdicts, the one with the higher rank makes an attempt wait longer.
pub(crate) fn rank(verdict: Verdict) -> (u8, i64) {
    match verdict {
        Verdict::Free => (0, i64::MIN),
        Verdict::UnderWay { until_ms } => (1, until_ms),
        Verdict::Full { until_ms } => (2, until_ms),
    }
}
