//! Creates ids that sort in the order of creation.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use rand::Rng;
use uuid::{Builder, Uuid};

/// The greatest value of the 12-bit counter.
const LAST_COUNT: u16 = 0x0fff;

/// Creates UUIDv7 ids with a counter after the milliseconds (RFC 9562 §6.2, method 1). Ids that this process creates
/// later therefore sort later, also within a millisecond and after the clock was set back a little.
pub struct TodoIds(Mutex<State>);

struct State {
    rng: Box<dyn Rng + Send>,
    ms: u64,
    count: u16,
}

impl TodoIds {
    /// Creates a generator that takes its random bits from `rng`.
    pub fn new(rng: impl Rng + Send + 'static) -> Self {
        Self(Mutex::new(State { rng: Box::new(rng), ms: 0, count: 0 }))
    }

    /// Creates the next id. `now_ms` is in milliseconds since the Unix epoch.
    pub fn next(&self, now_ms: i64) -> Uuid {
        let now = u64::try_from(now_ms).unwrap_or(0);
        let mut rest = [0_u8; 10];
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.advance_to(now);
        let (counter, random) = rest.split_at_mut(2);
        counter.copy_from_slice(&state.count.to_be_bytes());
        state.rng.fill_bytes(random);
        Builder::from_unix_timestamp_millis(state.ms, &rest).into_uuid()
    }
}

impl State {
    fn advance_to(&mut self, now: u64) {
        if now > self.ms {
            (self.ms, self.count) = (now, 0);
        } else if self.count < LAST_COUNT {
            self.count += 1;
        } else {
            // After 4,096 ids in one millisecond the next millisecond is used early.
            (self.ms, self.count) = (self.ms + 1, 0);
        }
    }
}

impl fmt::Debug for TodoIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TodoIds").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    const NOW: i64 = 1_764_000_000_000;

    fn ids(seed: u64) -> TodoIds {
        TodoIds::new(StdRng::seed_from_u64(seed))
    }

    #[test]
    fn later_ids_are_higher_even_if_the_clock_goes_back() {
        let ids = ids(1);
        let moments = std::iter::repeat_n(NOW, 10_000).chain([NOW - 50, NOW + 1, NOW + 2, NOW - 1]);
        let made: Vec<Uuid> = moments.map(|now| ids.next(now)).collect();
        assert!(made.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn an_id_is_a_uuid_of_version_7_with_its_time() {
        let id = ids(1).next(NOW);
        assert_eq!(id.get_version_num(), 7);
        assert_eq!(id.get_timestamp().unwrap().to_unix(), (1_764_000_000, 0));
        assert_ne!(id, ids(2).next(NOW));
    }
}
