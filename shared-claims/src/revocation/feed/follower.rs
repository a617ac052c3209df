//! Tracks how far the feed was read and decides when the mirror is complete. Does no I/O.

use super::wire::FeedPage;
use crate::revocation::InvalidRevocationFact;
use crate::revocation::mirror::MirrorState;

/// The next request to the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query {
    /// The cursor. Without one, the feed sends the list from its beginning.
    pub(super) after: Option<String>,
    /// The longest time for which the feed may hold the request, seconds.
    pub(super) wait_s: u64,
}

/// What to do after a page.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Request the next page at once.
    More,
    /// The mirror is complete: wait for new facts.
    Complete,
}

/// The position in the feed. It starts again from the beginning when the feed's database changes.
#[derive(Debug, Default)]
pub(super) struct Follower {
    epoch: Option<String>,
    cursor: Option<String>,
    well: bool,
}

impl Follower {
    /// The next request. Only a mirror that is up to date may let the feed hold its request.
    pub(super) fn next(&self, state: &MirrorState) -> Query {
        let hold_s = hold_s(state.bound_ms());
        let fresh = state.status().age_ms.is_some_and(|age| age <= 2 * 1_000 * hold_s + 1_000);
        let wait_s = if self.well && fresh && self.cursor.is_some() { hold_s } else { 0 };
        Query { after: self.cursor.clone(), wait_s }
    }

    pub(super) fn knows_epoch(&self) -> bool {
        self.epoch.is_some()
    }

    /// Processes the response to a request sent at `sent_ms` (boot clock). If the list has several pages, the list is
    /// complete as of the last page's request: facts that were committed after an earlier request come after its
    /// cursor.
    pub(super) fn take(
        &mut self,
        page: FeedPage,
        sent_ms: i64,
        state: &MirrorState,
    ) -> Result<Step, InvalidRevocationFact> {
        let mut outcome = Ok(());
        for fact in &page.entries {
            // Well-formed facts count, even if another entry of the page is malformed.
            outcome = outcome.and(state.add(fact).inspect_err(|_| state.met_malformed()));
        }
        // The cursor does not move past a malformed entry: the same page is requested again until the entry is gone.
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

    /// The cursor cannot be used, or belongs to another database. Reads again from the beginning and keeps the known
    /// facts.
    pub(super) fn start_again(&mut self, state: &MirrorState) {
        *self = Self::default();
        state.resynced();
    }

    /// Records that the request failed.
    pub(super) fn failed(&mut self) {
        self.well = false;
    }
}

/// For how long the feed may hold a request, seconds. Between two responses the mirror's age grows to at most twice
/// this. If the staleness bound is too small for that, the feed is polled (0).
pub(super) fn hold_s(bound_ms: u64) -> u64 {
    if bound_ms < 5_000 { 0 } else { (bound_ms / 10_000).clamp(1, 3) }
}

#[cfg(test)]
mod plain_set;
#[cfg(test)]
mod tests;
