//! Counts per minute for each name, in this process only.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::domain::{MinuteCount, Throttled};

/// The number of names that are counted separately. Further names share one count.
const MOST_NAMES: usize = 10_000;

/// The counts of all names.
#[derive(Default)]
pub(crate) struct Counters(Mutex<HashMap<String, MinuteCount>>);

impl Counters {
    /// Counts one more event under this name, if that is within `limit`.
    pub(crate) fn add(&self, name: &str, limit: Option<u32>, now_ms: i64) -> Result<(), Throttled> {
        if limit.is_none() {
            return Ok(());
        }
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= MOST_NAMES && !counts.contains_key(name) {
            counts.retain(|_, count| count.is_running(now_ms));
        }
        let is_full = counts.len() >= MOST_NAMES && !counts.contains_key(name);
        // The shared count has the empty name, which no client has.
        let count = counts.entry(if is_full { String::new() } else { name.to_owned() }).or_default();
        *count = count.add(limit, now_ms)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_has_its_count() {
        let counters = Counters::default();
        for name in ["a", "a", "b"] {
            assert_eq!(counters.add(name, Some(2), 100_000), Ok(()));
        }
        assert_eq!(counters.add("a", Some(2), 100_000), Err(Throttled { retry_after_s: 60 }));
        assert_eq!(counters.add("b", Some(2), 100_000), Ok(()));
        assert_eq!(counters.add("a", None, 100_000), Ok(()));
        assert_eq!(counters.add("a", Some(2), 160_000), Ok(()));
    }

    #[test]
    fn many_names_take_a_bounded_place_and_share_what_is_left() {
        let counters = Counters::default();
        for number in 0..MOST_NAMES {
            assert_eq!(counters.add(&number.to_string(), Some(1), 100_000), Ok(()));
        }
        assert_eq!(counters.add("one more", Some(1), 100_000), Ok(()));
        assert!(counters.add("and another", Some(1), 100_000).is_err());
        assert_eq!(counters.0.lock().unwrap().len(), MOST_NAMES + 1);
        assert_eq!(counters.add("and another", Some(1), 160_000), Ok(()), "their minutes are over");
    }
}
