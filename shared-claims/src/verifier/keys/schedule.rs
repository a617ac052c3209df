//! When the key set is read next.

use std::time::Duration;

/// Without `max-age`.
const DEFAULT: Duration = Duration::from_secs(300);

/// With a `max-age` of 0, which cannot be kept.
const UNCACHEABLE: Duration = Duration::from_secs(5);

const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(3600);

/// After a good reading: ahead of `max-age`, and well before the set is too old to serve.
pub(super) fn after_success(max_age: Option<Duration>, serves_for: Duration) -> Duration {
    let fresh = match max_age {
        None => DEFAULT,
        Some(Duration::ZERO) => UNCACHEABLE,
        Some(max_age) => max_age.mul_f64(0.75),
    };
    jittered(fresh.min(serves_for / 2).clamp(SHORTEST, LONGEST))
}

/// After a failed reading while an older set serves.
pub(super) fn after_failure(failures: u32) -> Duration {
    jittered(Duration::from_millis(500 << failures.clamp(1, 6)).min(Duration::from_secs(20)))
}

/// While there is no set: short at first, never more than a second.
pub(super) fn between_first_attempts(round: u32) -> Duration {
    jittered(Duration::from_millis(100 << round.min(3)))
}

/// Up to a fifth shorter, so that verifiers started together do not stay together.
fn jittered(delay: Duration) -> Duration {
    let mut byte = [0_u8];
    // Without randomness the delay is merely the same everywhere.
    let _ = aws_lc_rs::rand::fill(&mut byte);
    delay.mul_f64(1.0 - f64::from(byte[0]) / 255.0 / 5.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn the_set_is_read_again_before_it_is_stale() {
        for seconds in [1, 2, 5, 60, 300, 3_600, 86_400] {
            let max_age = Duration::from_secs(seconds);
            let next = after_success(Some(max_age), DAY);
            assert!(next <= max_age && next <= LONGEST, "{seconds}: {next:?}");
        }
        assert!(after_success(Some(Duration::ZERO), DAY) >= Duration::from_secs(4));
        assert!(after_success(None, Duration::from_secs(4)) <= Duration::from_secs(2));
    }

    #[test]
    fn retries_are_quick_at_first_and_bounded() {
        assert!(after_failure(1) <= Duration::from_secs(1));
        assert!(after_failure(u32::MAX) <= Duration::from_secs(20));
        assert!((0..100).all(|round| between_first_attempts(round) <= Duration::from_millis(800)));
    }
}
