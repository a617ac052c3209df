//! Tests of the throttle through its public functions.

mod model;
mod stores;

use std::sync::Arc;
use std::time::Duration;

use shared_claims::clock::ManualClock;
use uuid::Uuid;

use super::*;
use crate::domain::{CallerNetwork, GuessedAccount, KnownBy};

const RULES: ThrottleRules = ThrottleRules {
    logins_per_minute: 30,
    failures_per_name: 3,
    failure_counts: Duration::from_secs(900),
    registrations_per_hour: 2,
    mails_per_hour: 10,
    client_failures_per_minute: 60,
    revocations_per_client_per_minute: 1000,
    max_wait: Duration::from_secs(2),
};

fn throttle(clock: &Arc<ManualClock>) -> Throttle {
    Throttle::new(ThrottleParts {
        rules: Some(RULES),
        store: None,
        max_counters: 0,
        key: [7; 32],
        clock: Arc::clone(clock) as SharedClock,
        random: Random::system(),
    })
}

fn network(last: u8) -> CallerNetwork {
    CallerNetwork::of(Some(&format!("192.0.2.{last}")))
}

fn stranger(id: Uuid) -> GuessBudget {
    GuessBudget { account: GuessedAccount::User { id, generation: 0 }, known_by: KnownBy::Nothing }
}

#[tokio::test]
async fn an_account_has_so_many_failures_whatever_the_address() {
    let clock = ManualClock::at(1_700_000_000_000);
    let (throttle, ada) = (throttle(&clock), stranger(Uuid::from_u128(1)));
    for last in 1..=3 {
        let permit = throttle.begin(&LoginSource::Network(network(last)), &ada).await.ok().unwrap();
        assert!(!permit.fail().await, "no lock begins by what this process counts alone");
    }
    let refused = throttle.begin(&LoginSource::Network(network(4)), &ada).await.err();
    let throttled = Throttled { retry_after_s: 900 };
    assert_eq!(refused, Some(Refusal::Throttled { throttled, source: None }));
    clock.advance_ms(900_000);
    assert!(throttle.begin(&LoginSource::Network(network(4)), &ada).await.is_ok());
}

#[tokio::test]
async fn an_attempt_waits_for_those_under_way() {
    let clock = ManualClock::at(1_700_000_000_000);
    let (throttle, ada) = (throttle(&clock), stranger(Uuid::from_u128(1)));
    let source = LoginSource::Network(network(1));
    let mut permits = Vec::new();
    for _ in 0..RULES.failures_per_name {
        permits.push(throttle.begin(&source, &ada).await.ok().unwrap());
    }
    let begin = throttle.begin(&source, &ada);
    let end_one = async { permits.pop().unwrap().succeed().await };
    let (waited, ()) = tokio::join!(begin, end_one);
    assert!(waited.is_ok());
}

#[tokio::test]
async fn what_happens_is_counted_for_each_network() {
    let clock = ManualClock::at(1_700_000_000_000);
    let throttle = throttle(&clock);
    for _ in 0..RULES.registrations_per_hour {
        assert_eq!(throttle.count(&Counted::Registration(network(1))).await, Ok(()));
    }
    assert!(throttle.count(&Counted::Registration(network(1))).await.is_err());
    assert_eq!(throttle.count(&Counted::Registration(network(2))).await, Ok(()));
    assert_eq!(throttle.count(&Counted::Mail(network(1))).await, Ok(()));
}
