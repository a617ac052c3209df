//! What is left of the attempts to log in from the caller's network, and its way to the response.

use std::sync::{Arc, OnceLock};

use super::{MINUTE_MS, Remaining};

/// What is left of the attempts to log in from the caller's network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoginBudget {
    /// The most failures per minute.
    pub limit: u32,
    /// How many attempts may begin now.
    pub left: u32,
    /// The seconds until the whole budget is free again, if nothing fails until then.
    pub whole_in_s: u32,
}

impl LoginBudget {
    /// What is left after an attempt that was not counted, or no longer counts.
    pub fn uncounted(remaining: Remaining, now_ms: i64) -> Self {
        let used_ms = remaining.empty_at_ms.saturating_sub(now_ms).clamp(0, MINUTE_MS);
        let whole_in_s = u32::try_from(used_ms.saturating_add(999) / 1000).unwrap_or(u32::MAX);
        Self { limit: remaining.limit, left: remaining.left, whole_in_s }
    }

    /// What is left after an attempt that succeeded. `remaining` is what was left while it was under way.
    pub fn after_success(remaining: Remaining, now_ms: i64) -> Self {
        let left = remaining.left.saturating_add(1).min(remaining.limit);
        Self::uncounted(Remaining { left, ..remaining }, now_ms)
    }

    /// What is left after an attempt that failed. `remaining` is what was left while it was under way.
    pub fn after_failure(remaining: Remaining, now_ms: i64) -> Self {
        let step_ms = MINUTE_MS / i64::from(remaining.limit.max(1));
        let empty_at_ms = remaining.empty_at_ms.max(now_ms).saturating_add(step_ms);
        Self::uncounted(Remaining { empty_at_ms, ..remaining }, now_ms)
    }
}

/// Takes a [`LoginBudget`] from where an attempt is counted to where the response is completed. Clones share the value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BudgetReport(Arc<OnceLock<LoginBudget>>);

impl BudgetReport {
    /// Sets what is left. A request judges one attempt, so there is one value.
    pub fn set(&self, budget: LoginBudget) {
        // A second value would be that of the same budget.
        let _ = self.0.set(budget);
    }

    /// What is left, if an attempt was judged.
    pub fn get(&self) -> Option<LoginBudget> {
        self.0.get().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000_000;

    #[test]
    fn a_failure_counts_and_a_success_does_not() {
        let remaining = Remaining { limit: 30, left: 29, empty_at_ms: NOW };
        let succeeded = LoginBudget { limit: 30, left: 30, whole_in_s: 0 };
        assert_eq!(LoginBudget::after_success(remaining, NOW), succeeded);
        let failed = LoginBudget { limit: 30, left: 29, whole_in_s: 2 };
        assert_eq!(LoginBudget::after_failure(remaining, NOW), failed);
        let full = Remaining { limit: 30, left: 0, empty_at_ms: NOW + 59_001 };
        let refused = LoginBudget { limit: 30, left: 0, whole_in_s: 60 };
        assert_eq!(LoginBudget::uncounted(full, NOW), refused);
        assert_eq!(LoginBudget::after_failure(full, NOW), refused, "never more than a minute");
    }
}
