//! Random pauses. A thousand verifiers that lose the same issuer in the same moment must not come back in the same moment.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The source of randomness for pauses: random numbers from 0 to 1. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Jitter(Arc<dyn Fn() -> f64 + Send + Sync>);

impl Jitter {
    /// Uses the operating system's random numbers.
    pub(crate) fn system() -> Self {
        Self(Arc::new(|| {
            let mut bytes = [0; 4];
            // Without randomness every pause is half of its window. It must not be zero: retries would follow each other
            // without a pause.
            if aws_lc_rs::rand::fill(&mut bytes).is_err() {
                return 0.5;
            }
            f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX)
        }))
    }

    /// Uses the numbers that the caller returns.
    #[cfg(test)]
    pub(crate) fn by(share: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(share))
    }

    /// A random part of the window, from none to all of it.
    pub(crate) fn within(&self, window: Duration) -> Duration {
        window.mul_f64((self.0)().clamp(0.0, 1.0))
    }

    /// A random delay between half of `delay` and one and a half times `delay`.
    #[cfg(any(feature = "feed", test))]
    pub(crate) fn around(&self, delay: Duration) -> Duration {
        delay / 2 + self.within(delay)
    }

    /// The delay, shortened by a random part of up to a fifth.
    pub(crate) fn shortened(&self, delay: Duration) -> Duration {
        delay.saturating_sub(self.within(delay / 5))
    }
}

impl fmt::Debug for Jitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jitter").finish_non_exhaustive()
    }
}

/// The pauses between attempts that fail one after the other. Each is a random part of a window ("full jitter"). The window
/// doubles with every failure, up to a longest one.
#[derive(Clone, Debug)]
pub(crate) struct Retry {
    jitter: Jitter,
    first: Duration,
    longest: Duration,
    window: Duration,
}

impl Retry {
    pub(crate) fn new(jitter: Jitter, first: Duration, longest: Duration) -> Self {
        let first = first.min(longest);
        Self { jitter, first, longest, window: first }
    }

    /// Called after a failed attempt. Returns how long to wait before the next one.
    pub(crate) fn pause(&mut self) -> Duration {
        let window = self.window;
        self.window = window.saturating_mul(2).min(self.longest);
        self.jitter.within(window)
    }

    /// Called after a successful attempt. The next failure counts as the first one.
    pub(crate) fn succeeded(&mut self) {
        self.window = self.first;
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _};

    use super::*;

    const FIRST: Duration = Duration::from_millis(500);
    const LONGEST: Duration = Duration::from_millis(1_500);

    fn retry(share: f64) -> Retry {
        Retry::new(Jitter::by(move || share), FIRST, LONGEST)
    }

    #[test]
    fn the_window_doubles_to_its_longest_and_begins_anew_after_a_success() {
        let mut retry = retry(1.0);
        let pauses: Vec<u128> = (0..4).map(|_| retry.pause().as_millis()).collect();
        assert_eq!(pauses, [500, 1_000, 1_500, 1_500]);
        retry.succeeded();
        assert_eq!(retry.pause(), FIRST);
    }

    #[test]
    fn a_pause_is_any_part_of_the_window() {
        assert_eq!(retry(0.0).pause(), Duration::ZERO);
        assert_eq!(retry(0.25).pause(), FIRST / 4);
        // A source with wrong numbers does not break the limits.
        assert_eq!((retry(7.0).pause(), retry(-7.0).pause()), (FIRST, Duration::ZERO));
    }

    #[test]
    fn delays_stay_within_their_limits() {
        let second = Duration::from_secs(1);
        let [least, most] = [0.0, 1.0].map(|share| Jitter::by(move || share));
        assert_eq!((least.around(second), most.around(second)), (second / 2, second * 3 / 2));
        assert_eq!((least.shortened(second), most.shortened(second)), (second, second * 4 / 5));
    }

    /// A thousand that lose their connection at once: in no tenth of the window come more than a fifth of them.
    #[test]
    fn a_thousand_come_back_over_the_whole_window() {
        let seeded = std::sync::Mutex::new(rand::rngs::StdRng::seed_from_u64(16));
        let jitter = Jitter::by(move || seeded.lock().unwrap().random());
        let mut tenths = [0; 10];
        for _ in 0..1_000 {
            let pause = Retry::new(jitter.clone(), FIRST, LONGEST).pause();
            tenths[usize::try_from(pause.as_millis() / 50).unwrap().min(9)] += 1;
        }
        assert!(tenths.iter().all(|count| (50..=200).contains(count)), "{tenths:?}");
    }

    #[test]
    fn the_systems_numbers_differ() {
        let jitter = Jitter::system();
        let pauses: std::collections::BTreeSet<Duration> =
            (0..100).map(|_| jitter.within(Duration::from_secs(1))).collect();
        assert!(pauses.len() > 90, "{}", pauses.len());
        assert!(pauses.iter().all(|pause| *pause <= Duration::from_secs(1)));
    }
}
