//! The names of budgets of guesses, under which their locks are stored.

use super::{CounterKey, Throttle};
use crate::domain::{BudgetName, GuessBudget};

impl Throttle {
    /// The name of a budget, the same on all replicas; `None` if nothing is limited, so that there are no locks either.
    pub fn name_of(&self, guess: &GuessBudget) -> Option<BudgetName> {
        let inner = self.inner.as_ref()?;
        let CounterKey(name) = inner.hash.of_guess(guess);
        Some(BudgetName(name))
    }
}
