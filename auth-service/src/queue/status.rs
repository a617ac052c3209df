//! What a replica knows of the queue, for metrics.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::storage::queue::Depth;

/// How a try ended, as metrics count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// The receiver has the message.
    Delivered,
    /// It failed, and another try follows.
    Retried,
    /// It failed, and the message was given up.
    GivenUp,
    /// There was nobody to send it to any more.
    Dropped,
}

impl Outcome {
    /// All outcomes.
    pub const ALL: [Self; 4] = [Self::Delivered, Self::Retried, Self::GivenUp, Self::Dropped];

    /// The label in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Retried => "retried",
            Self::GivenUp => "given_up",
            Self::Dropped => "dropped",
        }
    }
}

/// The counters of this replica, and the depth of the queue as it was counted last. All kinds that have a handler are
/// present.
#[derive(Debug, Default)]
pub struct QueueStatus {
    tries: Mutex<BTreeMap<(&'static str, Outcome), u64>>,
    depths: Mutex<BTreeMap<&'static str, Depth>>,
}

impl QueueStatus {
    /// Begins to count a kind.
    pub(super) fn add_kind(&self, kind: &'static str) {
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        for outcome in Outcome::ALL {
            tries.entry((kind, outcome)).or_default();
        }
        drop(tries);
        let none = Depth { kind: kind.to_owned(), waiting: 0, oldest_ms: None, failed: 0 };
        self.depths.lock().unwrap_or_else(PoisonError::into_inner).insert(kind, none);
    }

    pub(super) fn count(&self, kind: &'static str, outcome: Outcome) {
        *self.tries.lock().unwrap_or_else(PoisonError::into_inner).entry((kind, outcome)).or_default() += 1;
    }

    /// Notes what was counted in the database. A kind without rows has none.
    pub(super) fn set_depths(&self, counted: &[Depth]) {
        for (kind, depth) in self.depths.lock().unwrap_or_else(PoisonError::into_inner).iter_mut() {
            *depth = counted.iter().find(|counted| counted.kind == *kind).cloned().unwrap_or_else(|| Depth {
                kind: (*kind).to_owned(),
                waiting: 0,
                oldest_ms: None,
                failed: 0,
            });
        }
    }

    /// How many tries of each kind ended in each way.
    pub fn tries(&self) -> BTreeMap<(&'static str, Outcome), u64> {
        self.tries.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many messages of each kind there were when they were counted last.
    pub fn depths(&self) -> BTreeMap<&'static str, Depth> {
        self.depths.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
