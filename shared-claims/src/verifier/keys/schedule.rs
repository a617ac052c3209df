//! When the key set is refreshed next.

use std::time::Duration;

use crate::jitter::{Jitter, Retry};

/// The delay for a response without `max-age`.
const DEFAULT: Duration = Duration::from_secs(300);

/// The delay for a `max-age` of 0. To request the keys for every token would be too often.
const UNCACHEABLE: Duration = Duration::from_secs(5);

/// The delay between the two readings that follow another revocation list. Longer than the second in which each replica of the
/// issuer notices a change of its keys, and far shorter than the bound.
pub(super) const AFTER_ANOTHER_LIST: Duration = Duration::from_secs(2);

/// The limits of the delay.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(3600);

/// The delay after a successful refresh. It ends before `max-age` does, and well before the set is too old to be used. A random
/// part of up to a fifth is taken off, so that verifiers that were started together do not refresh together.
pub(super) fn after_success(max_age: Option<Duration>, usable_for: Duration, jitter: &Jitter) -> Duration {
    let fresh = match max_age {
        None => DEFAULT,
        Some(Duration::ZERO) => UNCACHEABLE,
        Some(max_age) => max_age.mul_f64(0.75),
    };
    jitter.shortened(fresh.min(usable_for / 2).clamp(SHORTEST, LONGEST))
}

/// The pauses after failed requests while an older key set is in use.
pub(super) fn retry_with_a_set(jitter: Jitter) -> Retry {
    Retry::new(jitter, Duration::from_secs(1), Duration::from_secs(20))
}

/// The pauses between requests while there is no key set: short at first, never more than a second.
pub(super) fn retry_without_a_set(jitter: Jitter) -> Retry {
    Retry::new(jitter, Duration::from_millis(200), Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    /// The smallest and the greatest delay that chance can make.
    fn extremes(delay: impl Fn(&Jitter) -> Duration) -> [Duration; 2] {
        let [greatest, smallest] = [0.0, 1.0].map(|share| delay(&Jitter::by(move || share)));
        [smallest, greatest]
    }

    #[test]
    fn the_set_is_read_again_before_it_is_stale() {
        for seconds in [1, 2, 5, 60, 300, 3_600, 86_400] {
            let max_age = Duration::from_secs(seconds);
            let [_, latest] = extremes(|jitter| after_success(Some(max_age), DAY, jitter));
            assert!(latest <= max_age && latest <= LONGEST, "{seconds}: {latest:?}");
        }
        let [soonest, _] = extremes(|jitter| after_success(Some(Duration::ZERO), DAY, jitter));
        assert_eq!(soonest, Duration::from_secs(4));
        let [soonest, latest] = extremes(|jitter| after_success(None, Duration::from_secs(4), jitter));
        assert_eq!((soonest, latest), (Duration::from_millis(1_600), Duration::from_secs(2)));
    }

    #[test]
    fn retries_are_quick_at_first_bounded_and_anywhere_in_their_window() {
        let windows = |retry: fn(Jitter) -> Retry| {
            let mut longest = retry(Jitter::by(|| 1.0));
            assert_eq!(retry(Jitter::by(|| 0.0)).pause(), Duration::ZERO);
            (0..7).map(|_| longest.pause().as_millis()).collect::<Vec<_>>()
        };
        assert_eq!(windows(retry_with_a_set), [1_000, 2_000, 4_000, 8_000, 16_000, 20_000, 20_000]);
        assert_eq!(windows(retry_without_a_set), [200, 400, 800, 1_000, 1_000, 1_000, 1_000]);
    }
}
