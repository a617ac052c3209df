//! Tracks how far the stream was read and decides when the mirror is complete. Does no I/O.

use super::age_at_source;
use super::page::Page;
use crate::revocation::contract::is_epoch_of;
use crate::revocation::mirror::MirrorState;

/// The stream id before the first entry.
const START: &str = "0-0";

/// After how long a list with a malformed entry is read again from its beginning, milliseconds. The entry may have been
/// trimmed by then.
const BLEMISHED_AGAIN_MS: i64 = 10_000;

/// What to do after a page.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Read the next page at once.
    More,
    /// The mirror is complete: wait for new entries.
    Complete,
    /// The list does not prove anything at the moment: read again later.
    Unproven(Unproven),
}

/// Why a list does not prove that the mirror is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unproven {
    #[error("the list in Redis has no epoch: it is not kept, or was lost")]
    NoEpoch,
    #[error("the list was found whole in another Redis process than this one")]
    OtherProcess,
    #[error("the list does not say as of when it is complete")]
    NoAsOf,
    #[error("the list is complete as of a moment that Redis's clock has not reached: the clock was set back")]
    SetBack,
    #[error("the stream holds a malformed entry, which may hide a revocation")]
    Malformed,
}

/// The position in the stream. It starts again from the beginning when the list's epoch changes.
#[derive(Debug)]
pub(super) struct Follower {
    run_id: String,
    epoch: Option<String>,
    position: String,
    blemished_since: Option<i64>,
    synced_before: bool,
}

impl Follower {
    pub(super) fn new() -> Self {
        Self {
            run_id: String::new(),
            epoch: None,
            position: START.to_owned(),
            blemished_since: None,
            synced_before: false,
        }
    }

    /// Records that a connection was made to the process with this `run_id`.
    pub(super) fn connected(&mut self, run_id: &str) {
        run_id.clone_into(&mut self.run_id);
    }

    /// The id of the last entry read.
    pub(super) fn position(&self) -> &str {
        &self.position
    }

    pub(super) fn knows_epoch(&self) -> bool {
        self.epoch.is_some()
    }

    /// Processes the page that was read after [`position`](Self::position) by a request sent at `sent_ms` (boot clock).
    pub(super) fn take(&mut self, page: &Page, sent_ms: i64, state: &MirrorState) -> Step {
        // Facts are added to the mirror even if the list as a whole proves nothing.
        let malformed = page.entries.iter().filter(|entry| !learn(entry, state)).count();
        let epoch = match &page.epoch {
            Some(epoch) if is_epoch_of(epoch, &self.run_id) => epoch,
            other => {
                let why = if other.is_some() { Unproven::OtherProcess } else { Unproven::NoEpoch };
                self.start_again(None);
                return Step::Unproven(why);
            }
        };
        if self.epoch.as_ref() != Some(epoch) {
            let from_start = self.position == START;
            self.start_again(Some(epoch.clone()));
            if std::mem::replace(&mut self.synced_before, true) {
                state.resynced();
            }
            if !from_start {
                return Step::More;
            }
        }
        if let Some(last) = page.entries.last() {
            self.position.clone_from(&last.id);
        }
        if malformed > 0 {
            self.blemished_since.get_or_insert(sent_ms);
        }
        if page.full {
            return Step::More;
        }
        if let Some(since) = self.blemished_since {
            if sent_ms.saturating_sub(since) >= BLEMISHED_AGAIN_MS {
                self.start_again(Some(epoch.clone()));
            }
            return Step::Unproven(Unproven::Malformed);
        }
        let Some(as_of_ms) = page.as_of_ms else { return Step::Unproven(Unproven::NoAsOf) };
        let Some(age_ms) = age_at_source(page.time_ms, as_of_ms) else {
            return Step::Unproven(Unproven::SetBack);
        };
        state.complete_as_of(sent_ms.saturating_sub(age_ms));
        Step::Complete
    }

    fn start_again(&mut self, epoch: Option<String>) {
        self.epoch = epoch;
        START.clone_into(&mut self.position);
        self.blemished_since = None;
    }
}

fn learn(entry: &super::page::Entry, state: &MirrorState) -> bool {
    let learnt = entry.fact.clone().and_then(|fact| state.add(&fact));
    if learnt.is_err() {
        state.met_malformed();
        tracing::error!(entry = %entry.id, "malformed entry in the revocation stream: refusing until it is gone");
    }
    learnt.is_ok()
}

#[cfg(test)]
mod plain_set;
#[cfg(test)]
mod tests;
