//! Answers that were drafted of one state of memory, for all who ask for the same.

use std::collections::HashMap;
use std::sync::Arc;

use super::answer::Draft;
use super::memory::PAGE;

/// Entries of all drafts that are kept.
const ENTRIES: usize = 10 * PAGE;

/// How long a draft serves, seconds: so late a fact that expired may still be in an answer.
const SECONDS: u64 = 10;

/// Drafts by the place that they begin behind.
#[derive(Debug, Default)]
pub(super) struct Drafts {
    kept: HashMap<i64, (i64, Arc<Draft>)>,
    entries: usize,
}

impl Drafts {
    pub(super) fn find(&self, after: i64, now: i64) -> Option<Arc<Draft>> {
        let (made_at, draft) = self.kept.get(&after)?;
        (made_at.abs_diff(now) < SECONDS).then(|| Arc::clone(draft))
    }

    pub(super) fn keep(&mut self, after: i64, now: i64, draft: &Arc<Draft>) {
        let size = |draft: &Draft| draft.portion().facts.len() + 1;
        self.entries += size(draft);
        if self.entries > ENTRIES {
            // Those who are being answered have theirs.
            self.kept.clear();
            self.entries = size(draft);
        }
        self.kept.insert(after, (now, Arc::clone(draft)));
    }
}
