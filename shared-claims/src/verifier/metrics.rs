//! The counters of a verifier.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::error::{Missing, Reason, VerifyError};
use crate::metrics::{Observer, OptionalObserver};
use crate::revocation::RevocationKind;

/// The counters of a verifier since it was built. They are read one after the other, so they may be of slightly
/// different moments.
///
/// ```
/// use shared_claims::verifier::{Reason, VerifierMetrics};
///
/// fn forgeries(counts: &VerifierMetrics) -> u64 {
///     counts.refused.iter().filter(|(reason, _)| *reason == Reason::Signature).map(|(_, count)| count).sum()
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifierMetrics {
    /// Tokens that were accepted.
    pub verified: u64,
    /// Tokens that are not valid, by reason.
    pub refused: Vec<(Reason, u64)>,
    /// Tokens that are revoked, by the kind of revocation.
    pub revoked: Vec<(RevocationKind, u64)>,
    /// Tokens that could not be checked, by what was missing.
    pub unavailable: Vec<(Missing, u64)>,
    /// Tokens that were accepted although the revocation source had no answer (`OnOutage::Accept`).
    pub accepted_on_outage: u64,
    /// Tokens whose signature had been checked before.
    pub cache_hits: u64,
    /// Tokens whose signature was checked and is now in the cache.
    pub cache_misses: u64,
    /// Key set requests that returned a new set or confirmed the current one.
    pub key_refreshes: u64,
    /// Key set requests that failed.
    pub key_refresh_failures: u64,
}

/// The atomic counters. Those that every valid token increments are striped. Each event is also passed to the observer.
#[derive(Default)]
pub(super) struct Counters {
    observer: OptionalObserver,
    verified: StripedCounter,
    refused: [AtomicU64; Reason::ALL.len()],
    revoked: [AtomicU64; RevocationKind::ALL.len()],
    unavailable: [AtomicU64; Missing::ALL.len()],
    accepted_on_outage: AtomicU64,
    cache_hits: StripedCounter,
    cache_misses: StripedCounter,
    key_refreshes: AtomicU64,
    key_refresh_failures: AtomicU64,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn count_in<T: PartialEq>(names: &[T], counters: &[AtomicU64], name: &T) {
    if let Some((_, counter)) = names.iter().zip(counters).find(|(known, _)| *known == name) {
        count(counter);
    }
}

fn read_all<T: Copy>(names: &[T], counters: &[AtomicU64]) -> Vec<(T, u64)> {
    names.iter().zip(counters).map(|(name, counter)| (*name, counter.load(Ordering::Relaxed))).collect()
}

impl Counters {
    pub(super) fn new(observer: OptionalObserver) -> Self {
        Self { observer, ..Self::default() }
    }

    pub(super) fn outcome<T>(&self, outcome: &Result<T, VerifyError>) {
        match outcome {
            Ok(_) => {
                self.verified.count();
                self.observer.notify(Observer::accepted);
            }
            Err(VerifyError::Invalid(reason)) => {
                count_in(Reason::ALL, &self.refused, reason);
                self.observer.notify(|observer| observer.refused(*reason));
            }
            Err(VerifyError::Revoked(kind)) => {
                count_in(RevocationKind::ALL, &self.revoked, kind);
                self.observer.notify(|observer| observer.revoked(*kind));
            }
            Err(VerifyError::Unavailable(missing)) => {
                count_in(Missing::ALL, &self.unavailable, missing);
                self.observer.notify(|observer| observer.unavailable(*missing));
            }
        }
    }

    /// Counts one more token and returns the total.
    pub(super) fn accepted_on_outage(&self) -> u64 {
        let before = self.accepted_on_outage.fetch_add(1, Ordering::Relaxed);
        self.observer.notify(Observer::accepted_on_outage);
        before.wrapping_add(1)
    }

    pub(super) fn cache_asked(&self, hit: bool) {
        let counter = if hit { &self.cache_hits } else { &self.cache_misses };
        counter.count();
        self.observer.notify(|observer| observer.cache_asked(hit));
    }

    pub(super) fn keys_refreshed(&self) {
        count(&self.key_refreshes);
        self.observer.notify(Observer::keys_refreshed);
    }

    pub(super) fn key_refresh_failed(&self, why: &str) {
        count(&self.key_refresh_failures);
        self.observer.notify(|observer| observer.key_refresh_failed(why));
    }

    pub(super) fn snapshot(&self) -> VerifierMetrics {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        VerifierMetrics {
            verified: self.verified.read(),
            refused: read_all(Reason::ALL, &self.refused),
            revoked: read_all(RevocationKind::ALL, &self.revoked),
            unavailable: read_all(Missing::ALL, &self.unavailable),
            accepted_on_outage: read(&self.accepted_on_outage),
            cache_hits: self.cache_hits.read(),
            cache_misses: self.cache_misses.read(),
            key_refreshes: read(&self.key_refreshes),
            key_refresh_failures: read(&self.key_refresh_failures),
        }
    }
}

const STRIPES: usize = 16;

/// A counter that many threads can increment without contention. Each thread counts in its own cache lines (with more than 16 threads they are shared). Reading adds up all stripes.
#[derive(Debug, Default)]
struct StripedCounter([Stripe; STRIPES]);

/// Two cache lines, because some processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Stripe(AtomicU64);

impl StripedCounter {
    fn count(&self) {
        if let Some(stripe) = self.0.get(own_stripe()) {
            stripe.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn read(&self) -> u64 {
        self.0.iter().map(|stripe| stripe.0.load(Ordering::Relaxed)).fold(0, u64::wrapping_add)
    }
}

/// The index of the current thread's stripe. Threads get the stripes in turn.
fn own_stripe() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: Cell<usize> = Cell::new(NEXT.fetch_add(1, Ordering::Relaxed) % STRIPES);
    }
    OWN.with(Cell::get)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_threads_counted_is_read() {
        let counter = StripedCounter::default();
        std::thread::scope(|scope| {
            for _ in 0..2 * STRIPES {
                scope.spawn(|| (0..100).for_each(|_| counter.count()));
            }
        });
        assert_eq!(counter.read(), 3_200);
    }
}
