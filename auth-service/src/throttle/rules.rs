//! What is limited, and why an attempt is refused.

use std::time::Duration;

use crate::domain::{CallerNetwork, Remaining, Throttled};

/// The limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThrottleRules {
    /// The most attempts to log in per minute from one source that fail.
    pub logins_per_minute: u32,
    /// The most failures for one account.
    pub failures_per_name: u32,
    /// How long a failure counts.
    pub failure_counts: Duration,
    /// The most registrations per hour from one network.
    pub registrations_per_hour: u32,
    /// The most mails per hour that one network can cause.
    pub mails_per_hour: u32,
    /// The most failed authentications of clients per minute from one network.
    pub client_failures_per_minute: u32,
    /// The most revocations per minute of tokens that one client got in its own name.
    pub revocations_per_client_per_minute: u32,
    /// The longest time that an attempt waits for others that are under way.
    pub max_wait: Duration,
}

/// What is counted when it happens, and whose counter it uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Counted {
    /// A registration.
    Registration(CallerNetwork),
    /// A mail that somebody who is not logged in causes.
    Mail(CallerNetwork),
    /// A failed authentication of a client.
    ClientFailure(CallerNetwork),
    /// The revocation of a token that this client got in its own name.
    Revocation(String),
}

/// Why an attempt may not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A counter is full: 429.
    Throttled {
        /// For how long.
        throttled: Throttled,
        /// What is left of the budget of the source, if that is the one that is full.
        source: Option<Remaining>,
    },
    /// Attempts under way filled a counter for longer than an attempt may wait: 503.
    Busy,
}
