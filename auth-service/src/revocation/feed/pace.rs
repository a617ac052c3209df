//! How long news are gathered where many wait for them.

use std::time::Duration;

use tokio::time::Instant;

/// The pause between two answers to the same follower, for each follower that waits: about what an answer costs.
const FOR_EACH: Duration = Duration::from_micros(25);

/// The longest pause, whatever their number.
const LONGEST: Duration = Duration::from_millis(250);

/// So few followers are answered as fast as there is news.
const FEW: u32 = 40;

/// How long a number of followers is remembered, at least: some are always on their way back from an answer.
const REMEMBERED: Duration = Duration::from_secs(1);

/// How many followers there are: the most that waited at a time, of late.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    most: usize,
    before: usize,
    since: Option<Instant>,
}

impl Crowd {
    /// So many wait.
    pub(super) fn note(&mut self, waiting: usize, now: Instant) {
        if self.since.is_none_or(|since| now >= since + REMEMBERED) {
            (self.before, self.most, self.since) = (self.most, 0, Some(now));
        }
        self.most = self.most.max(waiting);
    }

    pub(super) fn is_small(&self) -> bool {
        self.pause().is_zero()
    }

    /// The pause between two answers to the same follower.
    pub(super) fn pause(&self) -> Duration {
        pause(self.most.max(self.before))
    }
}

fn pause(followers: usize) -> Duration {
    match u32::try_from(followers).unwrap_or(u32::MAX) {
        0..FEW => Duration::ZERO,
        many => FOR_EACH.saturating_mul(many).min(LONGEST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_are_not_kept_waiting_and_many_for_a_quarter_of_a_second() {
        assert_eq!([0, 3, 39].map(pause), [Duration::ZERO; 3]);
        assert_eq!(pause(1_000), Duration::from_millis(25));
        assert_eq!(pause(10_000), Duration::from_millis(250));
        assert_eq!(pause(usize::MAX), Duration::from_millis(250));
    }

    #[test]
    fn those_on_their_way_back_count_for_a_while() {
        let (mut crowd, now) = (Crowd::default(), Instant::now());
        crowd.note(1_000, now);
        crowd.note(1, now + REMEMBERED / 2);
        assert_eq!(crowd.pause(), Duration::from_millis(25));
        crowd.note(1, now + REMEMBERED);
        assert!(!crowd.is_small());
        crowd.note(1, now + REMEMBERED * 2);
        assert!(crowd.is_small());
    }
}
