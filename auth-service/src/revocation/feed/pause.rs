//! The pause between two responses to the same follower. With many followers it gives time for several facts to come
//! together in one response.

use std::time::Duration;

use tokio::time::Instant;

/// The pause for each waiting follower: about the time that one response costs.
const PAUSE_PER_FOLLOWER: Duration = Duration::from_micros(25);

/// The longest pause, for any number of followers.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// Fewer followers than this are answered as soon as there is news.
const FEW: u32 = 40;

/// How long a number of followers is remembered at least. At any moment some followers do not wait, because they have just
/// received a response.
const REMEMBERED: Duration = Duration::from_secs(1);

/// An estimate of the number of followers: the most requests that waited at the same time in the last one to two seconds.
#[derive(Debug, Default)]
pub(super) struct FollowerCount {
    most: usize,
    most_before: usize,
    since: Option<Instant>,
}

impl FollowerCount {
    /// Records that this many requests wait.
    pub(super) fn record(&mut self, waiting: usize, now: Instant) {
        if self.since.is_none_or(|since| now >= since + REMEMBERED) {
            (self.most_before, self.most, self.since) = (self.most, 0, Some(now));
        }
        self.most = self.most.max(waiting);
    }

    /// Whether there are so few followers that no pause is needed.
    pub(super) fn are_few(&self) -> bool {
        self.pause().is_zero()
    }

    /// The pause between two responses to the same follower.
    pub(super) fn pause(&self) -> Duration {
        pause(self.most.max(self.most_before))
    }
}

fn pause(followers: usize) -> Duration {
    match u32::try_from(followers).unwrap_or(u32::MAX) {
        0..FEW => Duration::ZERO,
        many => PAUSE_PER_FOLLOWER.saturating_mul(many).min(LONGEST_PAUSE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_followers_do_not_wait_and_many_wait_a_quarter_of_a_second() {
        assert_eq!([0, 3, 39].map(pause), [Duration::ZERO; 3]);
        assert_eq!(pause(1_000), Duration::from_millis(25));
        assert_eq!(pause(10_000), Duration::from_millis(250));
        assert_eq!(pause(usize::MAX), Duration::from_millis(250));
    }

    #[test]
    fn followers_that_do_not_wait_at_the_moment_count_for_a_while() {
        let (mut followers, now) = (FollowerCount::default(), Instant::now());
        followers.record(1_000, now);
        followers.record(1, now + REMEMBERED / 2);
        assert_eq!(followers.pause(), Duration::from_millis(25));
        followers.record(1, now + REMEMBERED);
        assert!(!followers.are_few());
        followers.record(1, now + REMEMBERED * 2);
        assert!(followers.are_few());
    }
}
