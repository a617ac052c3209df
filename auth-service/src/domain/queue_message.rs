//! Messages in the queue: what the service sends to others, when a try that failed is repeated, and when it gives up.

use uuid::Uuid;

/// How long a message is retried before it is given up, in milliseconds.
pub const GIVE_UP_AFTER_MS: i64 = 86_400_000;

/// The pause after the first try that failed, in milliseconds. Each further pause is three times as long.
const FIRST_PAUSE_MS: i64 = 2_000;
/// The longest pause, in milliseconds.
const LONGEST_PAUSE_MS: i64 = 3_600_000;
/// How many tries of a message hold up those behind it, where its kind keeps the order: some ten seconds. After that the
/// message steps out of the line, so that a message that can never be delivered holds up no other for ever.
pub const TRIES_IN_LINE: i64 = 3;
/// The most characters of an error that are stored.
const MAX_ERROR_CHARS: usize = 200;

/// A message that a transaction puts into the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMessage {
    /// The kind, which has a handler.
    pub kind: &'static str,
    /// The receiver, such as a `client_id`, as it is shown to operators.
    pub receiver: String,
    /// Messages of one lane are limited together. Two kinds must not share a lane.
    pub lane: String,
    /// The data from which the handler makes what it sends. It is stored unencrypted, so it must not contain a valid secret.
    pub payload: String,
}

/// A message as it stands in the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedMessage {
    /// Its id. Ids follow the order in which messages were written.
    pub id: Uuid,
    /// The kind.
    pub kind: String,
    /// The receiver, as it is shown to operators.
    pub receiver: String,
    /// The lane.
    pub lane: String,
    /// The data from which the handler makes what it sends.
    pub payload: String,
    /// When it was written.
    pub created_at_ms: i64,
    /// A try that fails after this is the last one.
    pub give_up_at_ms: i64,
    /// When it is tried next; while it is being tried, when another replica may take it over; `None` once it was given up.
    pub due_at_ms: Option<i64>,
    /// How often it was tried, the current try included.
    pub tries: i64,
    /// The replica that tries it.
    pub claimed_by: Option<String>,
    /// When it was given up.
    pub failed_at_ms: Option<i64>,
    /// Why the last try failed.
    pub last_error: Option<String>,
}

/// The state of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageState {
    /// It waits for its first or next try.
    Waiting,
    /// A replica tries it now.
    Sending,
    /// It was given up.
    Failed,
}

impl MessageState {
    /// All states.
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Sending, Self::Failed];

    /// The name on the command line and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sending => "sending",
            Self::Failed => "failed",
        }
    }
}

/// What follows a try that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterFailure {
    /// Another try at this time.
    RetryAt(i64),
    /// Nothing: the message is given up.
    GiveUp,
}

impl QueuedMessage {
    /// The state at this time. A claim whose time is up belongs to a replica that died: the message waits again.
    pub fn state(&self, now_ms: i64) -> MessageState {
        match (self.due_at_ms, &self.claimed_by) {
            (None, _) => MessageState::Failed,
            (Some(due_at_ms), Some(_)) if due_at_ms > now_ms => MessageState::Sending,
            (Some(_), _) => MessageState::Waiting,
        }
    }

    /// Whether a message of a kind that keeps the order still holds up those behind it.
    pub fn is_in_line(&self) -> bool {
        self.tries < TRIES_IN_LINE
    }

    /// What follows when the current try failed. `random` spreads the tries of many messages that failed together.
    pub fn after_failure(&self, now_ms: i64, random: u8) -> AfterFailure {
        if now_ms >= self.give_up_at_ms {
            return AfterFailure::GiveUp;
        }
        let retry_at_ms = now_ms.saturating_add(pause_ms(self.tries, random));
        // The last try is made when the time is up, not long before.
        AfterFailure::RetryAt(retry_at_ms.min(self.give_up_at_ms))
    }
}

/// The pause after this many tries: between 80 and 120 percent of three times the one before.
fn pause_ms(tries: i64, random: u8) -> i64 {
    let factor = u32::try_from(tries.saturating_sub(1)).ok().and_then(|power| 3_i64.checked_pow(power));
    let pause_ms = factor.map_or(LONGEST_PAUSE_MS, |factor| FIRST_PAUSE_MS.saturating_mul(factor));
    let percent = 80 + i64::from(random) * 40 / 255;
    pause_ms.min(LONGEST_PAUSE_MS) * percent / 100
}

/// An error in the form in which it is stored: one line of a bounded length.
pub fn stored_error(error: &str) -> String {
    let printable = error.chars().map(|c| if c.is_control() { ' ' } else { c });
    printable.take(MAX_ERROR_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(tries: i64) -> QueuedMessage {
        QueuedMessage {
            id: Uuid::nil(),
            kind: "test".to_owned(),
            receiver: String::new(),
            lane: String::new(),
            payload: String::new(),
            created_at_ms: 0,
            give_up_at_ms: GIVE_UP_AFTER_MS,
            due_at_ms: Some(0),
            tries,
            claimed_by: None,
            failed_at_ms: None,
            last_error: None,
        }
    }

    #[test]
    fn it_is_tried_less_and_less_and_for_a_day() {
        let (mut now_ms, mut pauses, mut tries) = (0, Vec::new(), 1);
        while let AfterFailure::RetryAt(next_ms) = message(tries).after_failure(now_ms, 128) {
            pauses.push(next_ms - now_ms);
            (now_ms, tries) = (next_ms, tries + 1);
        }
        assert_eq!(pauses[..4], [2_000, 6_000, 18_000, 54_000]);
        let (last, rest) = pauses.split_last().unwrap();
        assert!(rest.is_sorted() && *last <= LONGEST_PAUSE_MS);
        assert_eq!(now_ms, GIVE_UP_AFTER_MS, "the last try is at the end of the day");
        assert!((25..40).contains(&tries), "{tries}");
        assert_eq!(message(i64::MAX).after_failure(GIVE_UP_AFTER_MS, 0), AfterFailure::GiveUp);
    }

    #[test]
    fn pauses_are_spread() {
        assert_eq!((pause_ms(1, 0), pause_ms(1, 255)), (1_600, 2_400));
        assert_eq!((pause_ms(i64::MAX, 0), pause_ms(100, 255)), (2_880_000, 4_320_000));
    }

    #[test]
    fn an_error_is_one_short_line() {
        assert_eq!(stored_error("a\nb"), "a b");
        assert_eq!(stored_error(&"é".repeat(500)).chars().count(), 200);
    }

    #[test]
    fn a_claim_whose_time_is_up_counts_for_nothing() {
        let claimed = QueuedMessage { claimed_by: Some("a".to_owned()), due_at_ms: Some(10), ..message(1) };
        assert_eq!(claimed.state(9), MessageState::Sending);
        assert_eq!(claimed.state(10), MessageState::Waiting);
        assert_eq!(QueuedMessage { due_at_ms: None, ..message(1) }.state(0), MessageState::Failed);
    }
}
