//! Limits how many audit events a caller can cause to be stored.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

use crate::domain::{AuditEvent, AuditKind};

/// A limit on stored rows: a burst, then a steady rate.
#[derive(Clone, Copy)]
struct Rate {
    /// The number of rows that may be stored at once.
    burst: u64,
    /// After the burst, one row may be stored in this many milliseconds.
    interval_ms: u64,
}

/// The limit for all events of one kind.
const KIND_RATE: Rate = Rate { burst: 1000, interval_ms: 1000 };
/// The limit for events of one kind about one account, so that a flood about one account does not hide events about
/// others.
const ACCOUNT_RATE: Rate = Rate { burst: 100, interval_ms: 10_000 };
/// The number of accounts that are counted separately. For any further account only the limit of the kind applies.
const MAX_ACCOUNTS: usize = 10_000;

/// The unused part of an allowance.
#[derive(Clone, Copy)]
struct Remaining {
    rows: u64,
    /// The time up to which `rows` was refilled, milliseconds on the boot clock.
    as_of_ms: u64,
    /// The number of events dropped since the last stored one.
    dropped: u64,
}

impl Remaining {
    fn full(rate: Rate, boot_ms: u64) -> Self {
        Self { rows: rate.burst, as_of_ms: boot_ms, dropped: 0 }
    }

    fn refill(&mut self, rate: Rate, boot_ms: u64) {
        let earned = boot_ms.saturating_sub(self.as_of_ms) / rate.interval_ms;
        self.rows = self.rows.saturating_add(earned).min(rate.burst);
        self.as_of_ms = self.as_of_ms.saturating_add(earned.saturating_mul(rate.interval_ms));
    }

    /// Uses one row. Returns how many events were dropped before it, or `None` if no row is left.
    fn take(&mut self, rate: Rate, boot_ms: u64) -> Option<u64> {
        self.refill(rate, boot_ms);
        if self.rows == 0 {
            self.dropped = self.dropped.saturating_add(1);
            return None;
        }
        self.rows -= 1;
        Some(std::mem::take(&mut self.dropped))
    }
}

/// The account that an event is counted for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Account {
    User(Uuid),
    Client(String),
    /// A name that nobody has, as a keyed hash: it may be a password in the wrong field. Such names are counted like
    /// accounts, because otherwise the time of a response would tell that there is no such account.
    Nobody(u64),
}

impl Account {
    /// The event's user, or its client if it has no user.
    fn of(event: &AuditEvent) -> Option<Self> {
        let client = || event.client_id.clone().map(Self::Client);
        event.user_id.map(Self::User).or_else(client)
    }
}

/// How many events were dropped before the one that is stored now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dropped {
    /// The number of dropped events of the same kind, about any account, since the last stored one.
    pub(super) of_kind: u64,
    /// The number of dropped events of the same kind about the same account.
    pub(super) of_account: u64,
}

/// An allowance for each kind of event, so that a flood of one kind does not hide another kind.
#[derive(Default)]
pub(super) struct Allowance {
    state: Mutex<State>,
    hasher: RandomState,
}

#[derive(Default)]
struct State {
    kinds: HashMap<&'static str, Remaining>,
    accounts: HashMap<(&'static str, Account), Remaining>,
    swept_at_ms: u64,
}

impl Allowance {
    /// Returns `None` if the event is to be dropped. `unknown` is the name of which the event says that nobody has it, case
    /// folded.
    pub(super) fn take(&self, event: &AuditEvent, unknown: Option<&str>, boot_ms: u64) -> Option<Dropped> {
        let nobody = unknown.map(|name| Account::Nobody(self.hasher.hash_one(name)));
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let of_account = match nobody.or_else(|| Account::of(event)) {
            Some(account) => state.take_of_account(event.kind, account, boot_ms)?,
            None => 0,
        };
        let kind = state.kinds.entry(event.kind.as_str());
        let of_kind = kind.or_insert(Remaining::full(KIND_RATE, boot_ms)).take(KIND_RATE, boot_ms)?;
        Some(Dropped { of_kind, of_account })
    }
}

impl State {
    fn take_of_account(&mut self, kind: AuditKind, account: Account, boot_ms: u64) -> Option<u64> {
        let key = (kind.as_str(), account);
        if self.accounts.len() >= MAX_ACCOUNTS && !self.accounts.contains_key(&key) {
            self.sweep(boot_ms);
            if self.accounts.len() >= MAX_ACCOUNTS {
                return Some(0);
            }
        }
        let remaining = self.accounts.entry(key).or_insert(Remaining::full(ACCOUNT_RATE, boot_ms));
        remaining.take(ACCOUNT_RATE, boot_ms)
    }

    /// Removes accounts whose allowance is full again and that have no dropped events to report. Runs at most once a
    /// second.
    fn sweep(&mut self, boot_ms: u64) {
        if boot_ms.saturating_sub(self.swept_at_ms) < 1000 {
            return;
        }
        self.swept_at_ms = boot_ms;
        self.accounts.retain(|_, remaining| {
            remaining.refill(ACCOUNT_RATE, boot_ms);
            remaining.rows < ACCOUNT_RATE.burst
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Initiator;

    fn event(kind: AuditKind) -> AuditEvent {
        AuditEvent::new(kind, &Initiator::default())
    }

    fn refused() -> AuditEvent {
        event(AuditKind::LoginRefused)
    }

    fn after(dropped: u64) -> Dropped {
        Dropped { of_kind: dropped, of_account: 0 }
    }

    #[test]
    fn events_beyond_the_allowance_are_counted_and_other_kinds_recorded() {
        let allowance = Allowance::default();
        for _ in 0..1000 {
            assert_eq!(allowance.take(&refused(), None, 5), Some(after(0)));
        }
        for _ in 0..7 {
            assert_eq!(allowance.take(&refused(), None, 1004), None);
        }
        assert_eq!(
            allowance.take(&event(AuditKind::ClientRefused), None, 1004),
            Some(after(0)),
            "another kind"
        );
        assert_eq!(allowance.take(&refused(), None, 1005), Some(after(7)));
        assert_eq!(allowance.take(&refused(), None, 1006), None);
        assert_eq!(allowance.take(&refused(), None, 3999), Some(after(1)), "two were earned");
        assert_eq!(allowance.take(&refused(), None, 3999), Some(after(0)));
        assert_eq!(allowance.take(&refused(), None, 3999), None);
    }

    #[test]
    fn an_allowance_is_never_more_than_a_burst() {
        let allowance = Allowance::default();
        allowance.take(&refused(), None, 0);
        let later = 1_000_000_000;
        assert_eq!((0..2000).filter(|_| allowance.take(&refused(), None, later).is_some()).count(), 1000);
    }

    /// A flood of events about one account does not hide events about other accounts.
    #[test]
    fn an_account_has_a_smaller_allowance_of_its_own() {
        let allowance = Allowance::default();
        let of = |id: u128| event(AuditKind::TokenRevoked).user(Uuid::from_u128(id));
        assert_eq!((0..5000).filter(|_| allowance.take(&of(1), None, 5).is_some()).count(), 100);
        assert_eq!(allowance.take(&of(2), None, 5), Some(after(0)));
        let client = || event(AuditKind::TokenRevoked).client("billing");
        assert_eq!((0..5000).filter(|_| allowance.take(&client(), None, 5).is_some()).count(), 100);
        let next = Some(Dropped { of_kind: 0, of_account: 4900 });
        assert_eq!(allowance.take(&of(1), None, 10_005), next);
        assert_eq!(allowance.take(&of(1), None, 10_005), None);
    }

    /// Otherwise the time of a response would tell whether there is such an account: a row is written, or it is not.
    #[test]
    fn a_name_that_nobody_has_is_counted_like_an_account() {
        let allowance = Allowance::default();
        let unknown = || refused().client("first-party");
        for name in ["mallory", "trent"] {
            let written = (0..500).filter(|_| allowance.take(&unknown(), Some(name), 5).is_some()).count();
            assert_eq!(written, 100, "{name}");
        }
        let known = refused().client("first-party").user(Uuid::from_u128(1));
        assert_eq!((0..500).filter(|_| allowance.take(&known, None, 5).is_some()).count(), 100);
    }

    #[test]
    fn the_number_of_counted_accounts_is_bounded() {
        let allowance = Allowance::default();
        let of = |id: usize| event(AuditKind::LoggedIn).user(Uuid::from_u128(id.try_into().unwrap()));
        for id in 0..3 * MAX_ACCOUNTS {
            allowance.take(&of(id), None, 5);
        }
        assert_eq!(allowance.state.lock().unwrap().accounts.len(), MAX_ACCOUNTS);
        allowance.take(&of(0), None, 100_000);
        allowance.take(&of(usize::MAX), None, 100_000);
        assert!(
            allowance.state.lock().unwrap().accounts.len() <= 2,
            "those that are full again are forgotten"
        );
    }
}
