//! Which part of the feed is known, and when that is all of it. No I/O in here.

use super::wire::FeedPage;
use crate::revocation::MalformedFact;
use crate::revocation::mirror::MirrorState;

/// What to ask next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query {
    /// The cursor; without one the list from its beginning.
    pub(super) after: Option<String>,
    /// For how long the feed may hold the request, seconds.
    pub(super) wait_s: u64,
}

/// What to do after a page.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Ask on at once.
    More,
    /// The mirror is complete: wait for news.
    Complete,
}

/// Follows the feed of one database after the other.
#[derive(Debug, Default)]
pub(super) struct Follower {
    epoch: Option<String>,
    cursor: Option<String>,
    well: bool,
}

impl Follower {
    /// What to ask now. Only a mirror that is up to date can afford a request that is held.
    pub(super) fn next(&self, state: &MirrorState) -> Query {
        let hold_s = hold_s(state.bound_ms());
        let fresh = state.status().age_ms.is_some_and(|age| age <= 2 * 1_000 * hold_s + 1_000);
        let wait_s = if self.well && fresh && self.cursor.is_some() { hold_s } else { 0 };
        Query { after: self.cursor.clone(), wait_s }
    }

    pub(super) fn knows_epoch(&self) -> bool {
        self.epoch.is_some()
    }

    /// Takes the answer to a request sent at `sent_ms` (boot clock). Of a list in several pages the last request counts:
    /// what was committed since an earlier one stands behind its cursor.
    pub(super) fn take(
        &mut self,
        page: FeedPage,
        sent_ms: i64,
        state: &MirrorState,
    ) -> Result<Step, MalformedFact> {
        let mut outcome = Ok(());
        for fact in &page.entries {
            // The good ones count, whatever stands beside them.
            outcome = outcome.and(state.add(fact).inspect_err(|_| state.met_malformed()));
        }
        // Not passed over: asked for again until it is gone.
        outcome?;
        if self.epoch.as_ref().is_some_and(|known| *known != page.epoch) {
            self.start_again(state);
            return Ok(Step::More);
        }
        self.epoch = Some(page.epoch);
        self.cursor = Some(page.cursor.into_text());
        if !page.complete {
            return Ok(Step::More);
        }
        state.complete_as_of(sent_ms);
        self.well = true;
        Ok(Step::Complete)
    }

    /// The cursor cannot be used, or belongs to another database: from the beginning, keeping what is known.
    pub(super) fn start_again(&mut self, state: &MirrorState) {
        *self = Self::default();
        state.resynced();
    }

    /// The request failed.
    pub(super) fn failed(&mut self) {
        self.well = false;
    }
}

/// For how long a request is held: the age grows to twice as much while all is well. Where the bound leaves no room for
/// that, the feed is polled.
pub(super) fn hold_s(bound_ms: u64) -> u64 {
    if bound_ms < 5_000 { 0 } else { (bound_ms / 10_000).clamp(1, 3) }
}

#[cfg(test)]
mod plain_set;
#[cfg(test)]
mod tests;
