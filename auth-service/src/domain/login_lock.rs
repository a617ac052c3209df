//! Locks of a budget of guesses: how long each one lasts, and when a row of locks ends.

use serde::{Deserialize, Serialize};

use super::{KnownBy, Throttled};

/// The longest lock, in milliseconds: a day.
const LONGEST_LOCK_MS: i64 = 86_400_000;
/// How long after the end of a lock the next one belongs to the same row, in milliseconds: a day.
const ROW_OF_LOCKS_MS: i64 = 86_400_000;

/// The name of a budget of guesses: a keyed hash, from which nobody learns the account or what was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BudgetName(pub [u8; 16]);

/// How an account knows the callers who share a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallerKind {
    /// Not at all. They share the common budget.
    Unknown,
    /// By the cookie of one device.
    Device,
    /// By one network, from which somebody logged in to the account lately.
    Network,
}

/// The lock of a budget, and the row of locks that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoginLock {
    /// How many locks the row has, this one included.
    pub locks: i64,
    /// When the lock ends, in milliseconds since the Unix epoch.
    pub locked_until_ms: i64,
}

impl CallerKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Unknown, Self::Device, Self::Network];

    /// The name in the database, and for operators.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Device => "device",
            Self::Network => "network",
        }
    }

    /// Reads the name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl KnownBy {
    /// The kind of callers.
    pub fn kind(self) -> CallerKind {
        match self {
            Self::Nothing => CallerKind::Unknown,
            Self::Cookie(_) => CallerKind::Device,
            Self::Network(_) => CallerKind::Network,
        }
    }
}

impl LoginLock {
    /// The lock that begins now. `first_ms` is the length of the first one of a row; each further one lasts twice as long as
    /// the one before, and none longer than a day. `None` if a lock stands: nothing prolongs it.
    pub fn next(before: Option<Self>, first_ms: i64, now_ms: i64) -> Option<Self> {
        if before.is_some_and(|before| before.remaining(now_ms).is_some()) {
            return None;
        }
        let before = before.filter(|before| before.is_in_row(now_ms)).map_or(0, |before| before.locks.max(0));
        // From 2^40 on every first lock, of a second or more, would last longer than a day.
        let doublings = u32::try_from(before.min(40)).unwrap_or(40);
        let length_ms = first_ms.saturating_mul(1_i64 << doublings).clamp(1, LONGEST_LOCK_MS);
        Some(Self { locks: before.saturating_add(1), locked_until_ms: now_ms.saturating_add(length_ms) })
    }

    /// For how long the lock still stands; `None` if it has ended. A lock whose end is further away than the longest one
    /// lasts has ended as well: the clock was set back.
    pub fn remaining(self, now_ms: i64) -> Option<Throttled> {
        let left_ms = self.locked_until_ms.saturating_sub(now_ms);
        (1..=LONGEST_LOCK_MS).contains(&left_ms).then(|| Throttled::until(self.locked_until_ms, now_ms))
    }

    /// When the row of locks ends, unless a further lock begins, in milliseconds since the Unix epoch.
    pub fn expires_at_ms(self) -> i64 {
        self.locked_until_ms.saturating_add(ROW_OF_LOCKS_MS)
    }

    /// Whether a lock that began now would belong to the same row.
    pub fn is_in_row(self, now_ms: i64) -> bool {
        let left_ms = self.expires_at_ms().saturating_sub(now_ms);
        (1..=LONGEST_LOCK_MS + ROW_OF_LOCKS_MS).contains(&left_ms)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FIRST_MS: i64 = 900_000;
    const NOW_MS: i64 = 1_700_000_000_000;

    /// The lengths of locks that each begin as soon as the one before has ended, in minutes.
    fn row(locks: usize) -> Vec<i64> {
        let (mut now_ms, mut before, mut lengths) = (NOW_MS, None, Vec::new());
        for _ in 0..locks {
            let lock = LoginLock::next(before, FIRST_MS, now_ms).unwrap();
            lengths.push((lock.locked_until_ms - now_ms) / 60_000);
            now_ms = lock.locked_until_ms;
            before = Some(lock);
        }
        lengths
    }

    #[test]
    fn each_lock_of_a_row_lasts_twice_as_long_and_none_longer_than_a_day() {
        assert_eq!(row(10), [15, 30, 60, 120, 240, 480, 960, 1440, 1440, 1440]);
    }

    #[test]
    fn nothing_prolongs_a_lock() {
        let lock = LoginLock::next(None, FIRST_MS, NOW_MS).unwrap();
        assert_eq!(LoginLock::next(Some(lock), FIRST_MS, NOW_MS + 899_999), None);
        assert_eq!(lock.remaining(NOW_MS + 899_999), Some(Throttled { retry_after_s: 1 }));
        assert_eq!(lock.remaining(NOW_MS + 900_000), None);
    }

    #[test]
    fn a_row_ends_a_day_after_its_last_lock() {
        let lock = LoginLock::next(None, FIRST_MS, NOW_MS);
        let end_ms = NOW_MS + FIRST_MS;
        let locks = |now_ms| LoginLock::next(lock, FIRST_MS, now_ms).unwrap().locks;
        assert_eq!(locks(end_ms), 2);
        assert_eq!(locks(end_ms + 86_399_999), 2);
        assert_eq!(locks(end_ms + 86_400_000), 1);
    }

    #[test]
    fn a_kind_is_read_by_its_name() {
        for kind in CallerKind::ALL {
            assert_eq!(CallerKind::parse(kind.as_str()), Some(kind));
        }
        assert_eq!(CallerKind::parse(""), None);
    }

    proptest! {
        /// Whatever was stored and wherever the clock was set: a wait is never longer than a day, and over when it was said.
        #[test]
        fn a_wait_is_never_longer_than_a_day_and_is_enough(
            locks in any::<i64>(), until_ms in any::<i64>(), now_ms in 0_i64..4_000_000_000_000, first_s in 1_i64..=86_400,
        ) {
            let stored = LoginLock { locks, locked_until_ms: until_ms };
            if let Some(Throttled { retry_after_s }) = stored.remaining(now_ms) {
                prop_assert!((1..=86_400).contains(&retry_after_s));
                let waited_ms = now_ms + i64::from(retry_after_s) * 1000;
                prop_assert_eq!(stored.remaining(waited_ms), None);
                prop_assert_eq!(LoginLock::next(Some(stored), first_s * 1000, now_ms), None);
            } else {
                let next = LoginLock::next(Some(stored), first_s * 1000, now_ms).unwrap();
                prop_assert!(next.locks >= 1);
                let left_ms = next.locked_until_ms - now_ms;
                prop_assert!((first_s * 1000..=LONGEST_LOCK_MS).contains(&left_ms));
            }
        }
    }
}
