//! Counts events within a minute.

/// The length of a counting window, in milliseconds. A window begins with its first counted event, and its whole
/// count ends with it.
pub const MINUTE_MS: i64 = 60_000;

/// The count of the current minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MinuteCount {
    /// When the minute began, in milliseconds.
    pub since_ms: i64,
    /// The number of events counted in it.
    pub count: i64,
}

/// The limit was reached in the current minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttled {
    /// The seconds until the next minute begins, at least 1. For the `Retry-After` header.
    pub retry_after_s: u32,
}

impl MinuteCount {
    /// Counts one more event if that is within `limit`. A refused event is not counted, so retrying does not prolong
    /// the refusal. Without a limit nothing is counted.
    pub fn add(self, limit: Option<u32>, now_ms: i64) -> Result<Self, Throttled> {
        let Some(limit) = limit else { return Ok(self) };
        if !self.is_running(now_ms) {
            return Ok(Self { since_ms: now_ms, count: 1 });
        }
        if self.count < i64::from(limit) {
            return Ok(Self { count: self.count.saturating_add(1), ..self });
        }
        Err(Throttled::a_minute_after(self.since_ms, now_ms))
    }

    /// Whether the minute has not ended. If the clock was set back to before its beginning, it counts as ended.
    pub fn is_running(self, now_ms: i64) -> bool {
        (0..MINUTE_MS).contains(&now_ms.saturating_sub(self.since_ms))
    }
}

impl Throttled {
    /// Makes a refusal that ends at this time.
    pub fn until(until_ms: i64, now_ms: i64) -> Self {
        let seconds = until_ms.saturating_sub(now_ms).saturating_add(999).div_euclid(1000).max(1);
        Self { retry_after_s: u32::try_from(seconds).unwrap_or(u32::MAX) }
    }

    /// Makes a refusal that ends a minute after `counted_ms`.
    pub fn a_minute_after(counted_ms: i64, now_ms: i64) -> Self {
        let left_ms = counted_ms.saturating_add(MINUTE_MS).saturating_sub(now_ms);
        let seconds = left_ms.saturating_add(999).div_euclid(1000).clamp(1, 60);
        Self { retry_after_s: u32::try_from(seconds).unwrap_or(1) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_minute_holds_so_many_and_the_next_one_as_many_again() {
        let mut count = MinuteCount::default();
        for now_ms in [100_000, 100_001, 130_000] {
            count = count.add(Some(3), now_ms).unwrap();
        }
        assert_eq!(count, MinuteCount { since_ms: 100_000, count: 3 });
        assert_eq!(count.add(Some(3), 130_000), Err(Throttled { retry_after_s: 30 }));
        assert_eq!(count.add(Some(3), 159_999), Err(Throttled { retry_after_s: 1 }));
        assert_eq!(count.add(Some(3), 160_000), Ok(MinuteCount { since_ms: 160_000, count: 1 }));
        assert_eq!(count.add(Some(3), 99_999), Ok(MinuteCount { since_ms: 99_999, count: 1 }));
        assert_eq!(count.add(None, 130_000), Ok(count));
    }

    proptest! {
        /// A caller that waits for `Retry-After` is not refused again.
        #[test]
        fn waiting_as_long_as_was_said_is_enough(
            since_ms in 0_i64..10_000_000, after_ms in 0_i64..60_000, limit in 1_u32..50,
        ) {
            let full = MinuteCount { since_ms, count: i64::from(limit) };
            let now_ms = since_ms + after_ms;
            let Err(Throttled { retry_after_s }) = full.add(Some(limit), now_ms) else { panic!("full") };
            prop_assert!((1..=60).contains(&retry_after_s));
            prop_assert!(full.add(Some(limit), now_ms + i64::from(retry_after_s) * 1000).is_ok());
        }
    }
}
