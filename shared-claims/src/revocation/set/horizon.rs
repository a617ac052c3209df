//! Computes which facts may be removed. The end of a fact is a wall-clock time, and wall clocks are set forward and
//! back.

/// For how long a reading of the wall clock counts, milliseconds. A wrong reading (1970 before the first NTP answer)
/// has no effect any more after at most twice this time.
const WINDOW_MS: u64 = 12 * 3600 * 1000;

/// The slowest recent wall clock: the boot time plus the smallest difference between wall clock and boot clock that was
/// seen in the last 12 to 24 hours. A wall clock that jumps ahead moves it only after that time; one that is set back
/// moves it at once.
#[derive(Debug, Default)]
pub(super) struct Horizon {
    window: Option<Window>,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    began_boot_ms: u64,
    least: i64,
    least_before: i64,
}

impl Horizon {
    /// Takes a reading of both clocks. Returns the earliest time that it may be, milliseconds since the Unix epoch.
    pub(super) fn observe(&mut self, wall_ms: i64, boot_ms: u64) -> i64 {
        let boot = i64::try_from(boot_ms).unwrap_or(i64::MAX);
        let distance = wall_ms.saturating_sub(boot);
        let fresh = Window { began_boot_ms: boot_ms, least: distance, least_before: distance };
        let window = match self.window {
            None => fresh,
            Some(w) if boot_ms.saturating_sub(w.began_boot_ms) >= 2 * WINDOW_MS => fresh,
            Some(w) if boot_ms.saturating_sub(w.began_boot_ms) >= WINDOW_MS => {
                Window { least_before: w.least, ..fresh }
            }
            Some(w) => Window { least: w.least.min(distance), ..w },
        };
        self.window = Some(window);
        window.least.min(window.least_before).saturating_add(boot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    #[test]
    fn a_leap_ahead_and_back_moves_nothing() {
        let mut horizon = Horizon::default();
        assert_eq!(horizon.observe(1_000, 500), 1_000);
        assert_eq!(horizon.observe(1_100 + HOUR, 600), 1_100, "ahead by an hour");
        assert_eq!(horizon.observe(1_200, 700), 1_200, "and back");
        assert_eq!(horizon.observe(1_300 - HOUR, 800), 1_300 - HOUR, "set back counts at once");
    }

    #[test]
    fn a_clock_that_was_wrong_is_outlived() {
        let mut horizon = Horizon::default();
        let right = 1_800_000_000_000;
        assert_eq!(horizon.observe(0, 1_000), 0, "before the first NTP answer");
        assert_eq!(horizon.observe(right, 2_000), 1_000);
        let mut boot = 2_000;
        for _ in 0..25 {
            boot += HOUR.unsigned_abs();
            horizon.observe(right + i64::try_from(boot).unwrap(), boot);
        }
        assert_eq!(
            horizon.observe(right + i64::try_from(boot).unwrap(), boot),
            right + i64::try_from(boot).unwrap()
        );
    }
}
