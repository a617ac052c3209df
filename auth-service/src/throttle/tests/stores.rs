//! Tests of the shared stores: their bounds, and what happens while they are away.

use service_kit::database::testing::TestDatabase;
use service_kit::database::{Backend, Database};
use shared_claims::issuer::RedisAddress;
use shared_claims::testing::{Proxy, ProxyMode, RedisProcess, eventually};

use super::*;
use crate::pruning::{PruneRound, PruneRules, Pruner, Table};
use crate::storage;

/// How long a test waits for what happens in the background.
const SOON: Duration = Duration::from_secs(20);

/// A throttle with this store. Its clock stands still.
fn with(store: CounterStore, max_counters: u32, clock: &Arc<ManualClock>) -> Throttle {
    Throttle::new(ThrottleParts {
        rules: Some(RULES),
        store: Some(store),
        max_counters,
        key: [7; 32],
        clock: Arc::clone(clock) as SharedClock,
        random: Random::system(),
    })
}

fn in_redis(address: &str) -> CounterStore {
    let address = RedisAddress::parse(&format!("redis://{address}")).unwrap();
    CounterStore::Redis { address, prefix: "{throttle}".to_owned() }
}

async fn opened(place: &TestDatabase) -> Database {
    let database = Database::connect(&place.settings()).await.unwrap();
    database.migrate(storage::migrations()).await.unwrap();
    database
}

fn inner(throttle: &Throttle) -> &Inner {
    throttle.inner.as_ref().unwrap()
}

/// A caller with a number of its own.
fn caller(number: u32) -> LoginSource {
    LoginSource::Client(number.to_string())
}

async fn fail(throttle: &Throttle, source: &LoginSource, guess: &GuessBudget) -> Option<bool> {
    match throttle.begin(source, guess).await {
        Ok(permit) => Some(permit.fail().await),
        Err(_) => None,
    }
}

fn ada() -> GuessBudget {
    stranger(Uuid::from_u128(1))
}

#[tokio::test]
async fn replicas_share_the_counters_and_one_failure_fills_them() {
    let redis = RedisProcess::start().await;
    let [sqlite, postgres] = TestDatabase::both();
    let stores = [
        in_redis(&redis.address()),
        CounterStore::Database(opened(&sqlite).await),
        CounterStore::Database(opened(&postgres).await),
    ];
    for store in stores {
        let clock = ManualClock::at(1_700_000_000_000);
        let replicas = [with(store.clone(), 1000, &clock), with(store, 1000, &clock)];
        for (number, fills) in [(0u32, false), (1, false), (2, true)] {
            let replica = &replicas[usize::try_from(number % 2).unwrap()];
            assert_eq!(fail(replica, &caller(number), &ada()).await, Some(fills));
        }
        for replica in &replicas {
            assert_eq!(fail(replica, &caller(9), &ada()).await, None, "full on each replica");
            assert_eq!((replica.status().local, replica.status().is_store_up), (0, true));
        }
        clock.advance_ms(900_000);
        let permit = replicas[0].begin(&caller(9), &ada()).await.ok().unwrap();
        permit.succeed().await;
        for (number, fills) in [(3, false), (4, false), (5, true)] {
            assert_eq!(fail(&replicas[1], &caller(number), &ada()).await, Some(fills), "all anew");
        }
    }
}

/// Guesses a password for each of many names.
async fn flood(throttle: &Throttle, names: u32, clock: &Arc<ManualClock>) {
    for name in 0..names {
        let guess =
            GuessBudget { account: GuessedAccount::Nobody(name.to_string()), known_by: KnownBy::Nothing };
        // In a table of this process names share places, so some are refused.
        fail(throttle, &caller(name), &guess).await;
        clock.advance_ms(1);
    }
}

#[tokio::test]
async fn many_names_do_not_grow_the_store_past_its_bound() {
    let redis = RedisProcess::start().await;
    let [sqlite, postgres] = TestDatabase::both();
    let stores = [
        (in_redis(&redis.address()), 20_000),
        (CounterStore::Database(opened(&sqlite).await), 1_000),
        (CounterStore::Database(opened(&postgres).await), 1_000),
    ];
    for (store, names) in stores {
        let clock = ManualClock::at(1_700_000_000_000);
        let throttle = with(store.clone(), 500, &clock);
        assert_eq!(fail(&throttle, &caller(0), &ada()).await, Some(false));
        flood(&throttle, names, &clock).await;
        let status = throttle.status();
        assert!((400..=500).contains(&status.counters), "{status:?}");
        assert!(status.no_room > 0 && status.local == status.no_room, "{status:?}");
        assert!(inner(&throttle).local.size() <= 65_536);

        // An account that has a counter goes on there, although the address gets none.
        assert_eq!(fail(&throttle, &caller(1_000_001), &ada()).await, Some(false));
        assert_eq!(fail(&throttle, &caller(1_000_002), &ada()).await, Some(true), "and so fills it");
        assert_eq!(fail(&with(store.clone(), 500, &clock), &caller(1_000_003), &ada()).await, None);
        // Where there is no room at all, one that has none is counted here alone, and causes no lock.
        let throttle = with(store, 0, &clock);
        let bob = stranger(Uuid::from_u128(2));
        for number in 0..RULES.failures_per_name {
            assert_eq!(fail(&throttle, &caller(2_000_000 + number), &bob).await, Some(false));
        }
        assert_eq!(fail(&throttle, &caller(3_000_000), &bob).await, None, "but it is limited");
    }
    let keys: u64 = ::redis::cmd("DBSIZE").query_async(&mut redis.connection().await).await.unwrap();
    assert!(keys <= 501, "{keys} keys, with the index");
}

#[tokio::test]
async fn what_the_store_counted_is_given_back_where_this_process_refuses() {
    let redis = RedisProcess::start().await;
    let clock = ManualClock::at(1_700_000_000_000);
    let throttle = with(in_redis(&redis.address()), 2, &clock);
    // Two counters, and there is no room for more: that of the next address stands in this process.
    assert_eq!(fail(&throttle, &caller(0), &ada()).await, Some(false));
    let source = caller(1);
    for number in 0..RULES.logins_per_minute {
        let bob = stranger(Uuid::from_u128(2 + u128::from(number)));
        fail(&throttle, &source, &bob).await;
    }
    for _ in 0..5 {
        assert_eq!(fail(&throttle, &source, &ada()).await, None, "the address is refused");
    }
    // Nothing of that was counted for the account: it has two failures left.
    assert_eq!(fail(&throttle, &caller(2), &ada()).await, Some(false));
    assert_eq!(fail(&throttle, &caller(3), &ada()).await, Some(true));
}

#[tokio::test]
async fn a_redis_that_is_full_gets_no_new_counters() {
    let redis = RedisProcess::start_with(&["--maxmemory", "20mb", "--maxmemory-policy", "noeviction"]).await;
    let clock = ManualClock::at(1_700_000_000_000);
    let throttle = with(in_redis(&redis.address()), 200_000, &clock);
    assert_eq!(fail(&throttle, &caller(0), &ada()).await, Some(false));
    let mut connection = redis.connection().await;
    for number in 0..12 {
        let mut set = ::redis::cmd("SET");
        set.arg(format!("{{revoked}}:{number}")).arg("x".repeat(1 << 20));
        set.query_async::<()>(&mut connection).await.unwrap();
    }
    // Each has an address and an account of its own.
    let mut names = 10u32..;
    eventually("it is noticed", SOON, || {
        let (throttle, name) = (&throttle, names.next().unwrap());
        async move {
            fail(throttle, &caller(name), &stranger(Uuid::from_u128(name.into()))).await;
            throttle.status().no_room > 0
        }
    })
    .await;
    assert!(throttle.status().is_store_up);
    assert_eq!(fail(&throttle, &caller(2), &ada()).await, Some(false), "one that is there goes on");
    assert_eq!(fail(&throttle, &caller(3), &ada()).await, Some(true));
}

#[tokio::test]
async fn while_the_store_is_away_this_process_counts_and_then_all_is_as_it_was() {
    let redis = RedisProcess::start().await;
    let proxy = Proxy::before(&redis.address()).await;
    let clock = ManualClock::at(1_700_000_000_000);
    let throttle = with(in_redis(&proxy.address()), 1000, &clock);
    for number in 0..RULES.failures_per_name {
        assert!(fail(&throttle, &caller(number), &ada()).await.is_some());
    }
    // Redis counted this one; it ends while Redis is away.
    let carol = stranger(Uuid::from_u128(3));
    let mut begun = Vec::new();
    for number in 0..RULES.failures_per_name {
        begun.push(throttle.begin(&caller(100 + number), &carol).await.ok().unwrap());
    }
    for (round, mode) in [(10, ProxyMode::Hang), (20, ProxyMode::Refuse), (30, ProxyMode::Reset)] {
        proxy.set(mode);
        let bob = stranger(Uuid::from_u128(round));
        for number in 0..RULES.failures_per_name {
            let fills = fail(&throttle, &caller(number), &bob).await;
            assert_eq!(fills, Some(false), "{mode:?}: counted, and no lock begins");
        }
        assert_eq!(fail(&throttle, &caller(9), &bob).await, None, "{mode:?}: limited");
        assert!(!throttle.status().is_store_up);
        for permit in begun.drain(..) {
            permit.give_back().await;
        }
        proxy.set(ProxyMode::Forward);
        eventually("it is back", SOON, || async {
            let dan = stranger(Uuid::from_u128(round + 1));
            throttle.begin(&caller(99), &dan).await.ok().unwrap().succeed().await;
            throttle.status().is_store_up
        })
        .await;
        assert_eq!(fail(&throttle, &caller(9), &ada()).await, None, "{mode:?}: still full");
    }
    // What ended meanwhile was told afterwards: nobody waits for it.
    eventually("nothing is under way", SOON, || async {
        let dan = stranger(Uuid::from_u128(4));
        throttle.begin(&caller(98), &dan).await.ok().unwrap().succeed().await;
        inner(&throttle).store.as_ref().unwrap().untold() == 0
    })
    .await;
    let waits = throttle.status().waits;
    throttle.begin(&caller(8), &carol).await.ok().unwrap().succeed().await;
    assert_eq!(throttle.status().waits, waits);
}

#[tokio::test]
async fn a_failure_that_the_store_is_not_told_counts_in_this_process() {
    let redis = RedisProcess::start().await;
    let proxy = Proxy::before(&redis.address()).await;
    let clock = ManualClock::at(1_700_000_000_000);
    let throttle = with(in_redis(&proxy.address()), 1000, &clock);
    let mut begun = Vec::new();
    for number in 0..RULES.failures_per_name {
        begun.push(throttle.begin(&caller(number), &ada()).await.ok().unwrap());
    }
    proxy.set(ProxyMode::Refuse);
    for permit in begun {
        assert!(!permit.fail().await);
    }
    assert_eq!(fail(&throttle, &caller(9), &ada()).await, None);
}

#[tokio::test]
async fn no_clock_makes_the_store_fail_or_an_account_locked_for_ever() {
    let redis = RedisProcess::start().await;
    let place = TestDatabase::create(Backend::Postgres);
    for store in [in_redis(&redis.address()), CounterStore::Database(opened(&place).await)] {
        for (id, start_ms) in [i64::MIN, -1, 0, i64::MAX].into_iter().enumerate() {
            let clock = ManualClock::at(start_ms);
            let throttle = with(store.clone(), 1000, &clock);
            let guess = stranger(Uuid::from_u128(id.try_into().unwrap()));
            let caller = |number: u32| caller(u32::try_from(id).unwrap() * 10 + number);
            for (number, fills) in [(0, false), (1, false), (2, true)] {
                assert_eq!(fail(&throttle, &caller(number), &guess).await, Some(fills), "{start_ms}");
            }
            assert_eq!(fail(&throttle, &caller(3), &guess).await, None);
            assert_eq!(throttle.status().local, 0);
        }
        let clock = ManualClock::at(1_700_000_000_000);
        let throttle = with(store, 1000, &clock);
        let lin = stranger(Uuid::from_u128(99));
        for number in 100..100 + RULES.failures_per_name {
            assert!(fail(&throttle, &caller(number), &lin).await.is_some());
        }
        clock.set_wall_ms(1_600_000_000_000);
        assert_eq!(fail(&throttle, &caller(109), &lin).await, None, "set back");
        clock.advance_ms(900_000);
        assert!(fail(&throttle, &caller(109), &lin).await.is_some(), "not for longer than it counts");
    }
}

#[tokio::test]
async fn rows_go_when_nothing_in_them_counts() {
    for place in TestDatabase::both() {
        let (database, clock) = (opened(&place).await, ManualClock::at(1_700_000_000_000));
        let throttle = with(CounterStore::Database(database.clone()), 1000, &clock);
        throttle.begin(&caller(1), &ada()).await.ok().unwrap().succeed().await;
        let rows = || async { database.read(storage::throttle_counters::count).await.unwrap() };
        assert_eq!(rows().await, 0, "a good login leaves none");
        fail(&throttle, &caller(1), &ada()).await;
        assert_eq!(rows().await, 2);
        let rules = PruneRules { refresh_replay_ms: 0, audit_ms: None };
        let pruner =
            Pruner::new(database.clone(), Arc::clone(&clock) as SharedClock, &Random::system(), rules);
        clock.advance_ms(300_000);
        assert_eq!(pruner.round().await.unwrap(), PruneRound::Done(1), "that of the address");
        clock.advance_ms(900_000);
        assert_eq!(pruner.round().await.unwrap(), PruneRound::Done(1));
        assert_eq!((rows().await, pruner.status().rows(Table::ThrottleCounters)), (0, 2));
    }
}

#[tokio::test]
async fn a_million_names_take_a_bounded_place_in_this_process() {
    let table = LocalTable::default();
    let rule = CounterRule::Window { failures: 10, counts_ms: 900_000 };
    for number in 0..1_000_000u128 {
        // Multiplied, so that all places are met.
        let key = CounterKey((number.wrapping_mul(0x9E37_79B9_7F4A_7C15)).to_le_bytes());
        let counter = Limited { key, rule, budget: Budget::Account };
        table.end(AttemptId(0), Ending { counter, how: AttemptEnd::Failed }, 1_700_000_000_000);
    }
    assert_eq!(table.size(), 65_536);
    let counter = Limited { key: CounterKey([0; 16]), rule, budget: Budget::Account };
    for _ in 0..40_000 {
        table.end(AttemptId(0), Ending { counter, how: AttemptEnd::NotJudged }, 1_700_009_000_000);
    }
    assert_eq!(table.size(), 0, "what has ended is dropped");
}
