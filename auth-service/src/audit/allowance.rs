//! How many refusals are recorded one by one.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::domain::AuditKind;

/// So many at once,
const BURST: u64 = 1000;
/// and then one in so many milliseconds.
const INTERVAL_MS: u64 = 1000;

/// What is left for a kind.
#[derive(Clone, Copy)]
struct Left {
    rows: u64,
    /// Up to when on the boot clock `rows` was refilled.
    as_of_ms: u64,
    /// Refusals that were not recorded since the last that was.
    passed_over: u64,
}

/// An allowance for each kind, so that a flood of one hides nothing of another.
#[derive(Default)]
pub(super) struct Allowance(Mutex<HashMap<&'static str, Left>>);

impl Allowance {
    /// Whether this one is recorded, and how many were passed over before it.
    pub(super) fn take(&self, kind: AuditKind, boot_ms: u64) -> Option<u64> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let full = Left { rows: BURST, as_of_ms: boot_ms, passed_over: 0 };
        let left = all.entry(kind.as_str()).or_insert(full);
        let earned = boot_ms.saturating_sub(left.as_of_ms) / INTERVAL_MS;
        left.rows = left.rows.saturating_add(earned).min(BURST);
        left.as_of_ms = left.as_of_ms.saturating_add(earned.saturating_mul(INTERVAL_MS));
        if left.rows == 0 {
            left.passed_over = left.passed_over.saturating_add(1);
            return None;
        }
        left.rows -= 1;
        Some(std::mem::take(&mut left.passed_over))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: AuditKind = AuditKind::LoginRefused;

    #[test]
    fn a_flood_is_counted_and_what_is_rare_recorded() {
        let allowance = Allowance::default();
        for _ in 0..BURST {
            assert_eq!(allowance.take(KIND, 5), Some(0));
        }
        for _ in 0..7 {
            assert_eq!(allowance.take(KIND, 1004), None);
        }
        assert_eq!(allowance.take(AuditKind::ClientRefused, 1004), Some(0), "another kind");
        assert_eq!(allowance.take(KIND, 1005), Some(7));
        assert_eq!(allowance.take(KIND, 1006), None);
        assert_eq!(allowance.take(KIND, 3999), Some(1), "two were earned");
        assert_eq!(allowance.take(KIND, 3999), Some(0));
        assert_eq!(allowance.take(KIND, 3999), None);
    }

    #[test]
    fn an_allowance_is_never_more_than_a_burst() {
        let allowance = Allowance::default();
        allowance.take(KIND, 0);
        let later = 1_000_000_000;
        assert_eq!((0..2 * BURST).filter(|_| allowance.take(KIND, later).is_some()).count(), 1000);
    }
}
