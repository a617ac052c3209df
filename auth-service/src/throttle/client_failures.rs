//! Failed authentications of clients. Only failures are counted, so that a client that authenticates never waits for the
//! store of counters; and a network whose counter is full is remembered here, and refused without asking again.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

use shared_claims::clock::SharedClock;

use super::{Counted, MINUTE_MS, Throttle};
use crate::domain::{CallerNetwork, Throttled};

/// The most networks that are remembered. Where there are more, each failure of the others asks the store.
const MOST_NETWORKS: usize = 10_000;

/// Counts failed authentications of clients, and remembers the networks that had too many. Each process learns of a full
/// counter with the first failure that it counts there.
pub struct ClientFailures {
    throttle: Throttle,
    clock: SharedClock,
    /// Until when each network is refused.
    refused: Mutex<HashMap<CallerNetwork, i64>>,
    /// The latest of these times, so that a look costs nothing while nobody is refused.
    latest_ms: AtomicI64,
}

impl ClientFailures {
    /// Builds it on a throttle.
    pub fn new(throttle: Throttle, clock: SharedClock) -> Self {
        Self { throttle, clock, refused: Mutex::default(), latest_ms: AtomicI64::new(i64::MIN) }
    }

    /// How long clients of this network have to wait, if they do. Never asks the store.
    pub fn refusal(&self, network: CallerNetwork) -> Option<Throttled> {
        let now_ms = self.clock.now_ms();
        if self.latest_ms.load(Ordering::Relaxed) <= now_ms {
            return None;
        }
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let until_ms = *refused.get(&network)?;
        // Nobody waits for longer than the limit says, even if the clock was set back.
        let is_refused = until_ms > now_ms && until_ms - now_ms <= MINUTE_MS;
        is_refused.then(|| Throttled::until(until_ms, now_ms))
    }

    /// Counts a failure.
    ///
    /// # Errors
    /// [`Throttled`] if there were too many before. The network is refused from then on, until it has room for one more.
    pub async fn count(&self, network: CallerNetwork) -> Result<(), Throttled> {
        let counted = self.throttle.count(&Counted::ClientFailure(network)).await;
        counted.inspect_err(|throttled| self.remember(network, *throttled))
    }

    fn remember(&self, network: CallerNetwork, throttled: Throttled) {
        let now_ms = self.clock.now_ms();
        let until_ms = now_ms.saturating_add(1000 * i64::from(throttled.retry_after_s));
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.len() >= MOST_NETWORKS {
            refused.retain(|_, until_ms| now_ms < *until_ms);
        }
        if refused.len() < MOST_NETWORKS || refused.contains_key(&network) {
            refused.insert(network, until_ms);
            self.latest_ms.fetch_max(until_ms, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use shared_claims::clock::ManualClock;

    use super::*;

    fn network(number: u32) -> CallerNetwork {
        CallerNetwork::of(Some(&std::net::Ipv4Addr::from(number).to_string()))
    }

    fn failures(clock: &Arc<ManualClock>) -> ClientFailures {
        ClientFailures::new(Throttle::unlimited(), Arc::clone(clock) as SharedClock)
    }

    #[test]
    fn a_network_is_refused_until_it_has_room_and_never_for_longer_than_a_minute() {
        let clock = ManualClock::at(1_700_000_000_000);
        let failures = failures(&clock);
        assert_eq!(failures.refusal(network(1)), None);
        failures.remember(network(1), Throttled { retry_after_s: 5 });
        assert_eq!(failures.refusal(network(1)), Some(Throttled { retry_after_s: 5 }));
        assert_eq!(failures.refusal(network(2)), None);
        clock.advance_ms(4_999);
        assert_eq!(failures.refusal(network(1)), Some(Throttled { retry_after_s: 1 }));
        clock.advance_ms(1);
        assert_eq!(failures.refusal(network(1)), None);
        failures.remember(network(1), Throttled { retry_after_s: 5 });
        clock.set_wall_ms(1_600_000_000_000);
        assert_eq!(failures.refusal(network(1)), None, "the clock was set back");
    }

    #[test]
    fn many_networks_take_a_bounded_place() {
        let clock = ManualClock::at(1_700_000_000_000);
        let failures = failures(&clock);
        for number in 0..20_000 {
            failures.remember(network(number), Throttled { retry_after_s: 60 });
        }
        let remembered = || failures.refused.lock().unwrap().len();
        assert_eq!(remembered(), MOST_NETWORKS);
        clock.advance_ms(60_000);
        failures.remember(network(20_000), Throttled { retry_after_s: 60 });
        assert_eq!(remembered(), 1, "the others have ended");
    }
}
