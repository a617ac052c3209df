//! What is counted for an account over all its budgets of guesses.

/// So many failures with cookies of known devices void all of them.
pub const MOST_COOKIE_FAILURES: i64 = 100;

/// The row of an account. An account without one has the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GuessAccount {
    /// How often a reset or an operator forgot everything that was counted. Counters and locks of an earlier generation
    /// belong to nobody.
    pub generation: i64,
    /// The failures with cookies of known devices.
    pub cookie_failures: i64,
    /// Cookies that were set before do not count, in milliseconds since the Unix epoch.
    pub cookies_valid_from_ms: i64,
}

impl GuessAccount {
    /// The row after a failure with the cookie of a known device, and whether that failure voided all of them.
    #[must_use]
    pub fn after_cookie_failure(self, now_ms: i64) -> (Self, bool) {
        let cookie_failures = self.cookie_failures.saturating_add(1);
        if cookie_failures < MOST_COOKIE_FAILURES {
            return (Self { cookie_failures, ..self }, false);
        }
        // Two replicas' clocks may differ: what is void stays so.
        let cookies_valid_from_ms = self.cookies_valid_from_ms.max(now_ms);
        (Self { cookie_failures: 0, cookies_valid_from_ms, ..self }, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hundredth_failure_voids_the_cookies_of_before() {
        let mut account = GuessAccount { generation: 3, ..GuessAccount::default() };
        for number in 1..=250 {
            let (next, is_void) = account.after_cookie_failure(number);
            assert_eq!(is_void, number == 100 || number == 200, "{number}");
            account = next;
        }
        let expected = GuessAccount { generation: 3, cookie_failures: 50, cookies_valid_from_ms: 200 };
        assert_eq!(account, expected);
    }

    #[test]
    fn what_is_void_stays_so_when_a_clock_is_behind() {
        let before = GuessAccount { generation: 0, cookie_failures: 99, cookies_valid_from_ms: 500 };
        assert_eq!(before.after_cookie_failure(400).0.cookies_valid_from_ms, 500);
    }
}
