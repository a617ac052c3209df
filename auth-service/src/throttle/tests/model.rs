//! Random steps through the counters in Rust, through Redis, and through both databases: all must say the same.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use service_kit::database::testing::TestDatabase;
use service_kit::database::{Backend, Database};
use shared_claims::issuer::RedisAddress;
use shared_claims::testing::RedisProcess;

use super::super::database::DatabaseCounters;
use super::super::place::StoreError;
use super::super::redis::RedisCounters;
use super::*;
use crate::domain::{AttemptCounter, Stepped, begin_in_all};
use crate::storage;

/// What happens next.
#[derive(Clone, Debug)]
enum Event {
    /// An attempt begins in those counters whose bit is set.
    Begin { counters: u8, fails: bool },
    /// An attempt that is under way ends, the first counter in one way and the others in another. Those that never end are
    /// crashes.
    End { which: prop::sample::Index, first: AttemptEnd, others: AttemptEnd },
    /// The clock moves, also back.
    Clock(i64),
}

fn rules() -> impl Strategy<Value = CounterRule> {
    let rate = |calls, per_ms| CounterRule::Rate { calls, per_ms };
    prop_oneof![
        (1u32..6, 1i64..120_000).prop_map(move |(calls, per_ms)| rate(calls, per_ms)),
        (1u32..6, 1i64..120_000)
            .prop_map(|(failures, counts_ms)| CounterRule::Window { failures, counts_ms }),
        Just(rate(1_000_000, HOUR_MS)),
        Just(rate(7, 86_400_000)),
    ]
}

fn ends() -> impl Strategy<Value = AttemptEnd> {
    prop_oneof![
        3 => Just(AttemptEnd::Failed),
        1 => Just(AttemptEnd::NotJudged),
        1 => Just(AttemptEnd::Succeeded),
    ]
}

fn events() -> impl Strategy<Value = Event> {
    prop_oneof![
        5 => (1u8..8, prop::bool::weighted(0.2)).prop_map(|(counters, fails)| Event::Begin { counters, fails }),
        4 => (any::<prop::sample::Index>(), ends(), ends())
            .prop_map(|(which, first, others)| Event::End { which, first, others }),
        2 => prop_oneof![-1i64..2, -3_000i64..30_000, -100_000_000i64..100_000_000].prop_map(Event::Clock),
    ]
}

/// The counters as Rust keeps them.
#[derive(Default)]
struct InRust(BTreeMap<CounterKey, AttemptCounter>);

impl InRust {
    fn put(&mut self, counter: Limited, state: AttemptCounter, now_ms: i64) {
        // An empty counter is not stored.
        if state.empty_at_ms() > now_ms {
            self.0.insert(counter.key, state);
        } else {
            self.0.remove(&counter.key);
        }
    }

    fn begin(&mut self, step: &Step) -> Begun {
        let state = |counter: &Limited| self.0.get(&counter.key).cloned().unwrap_or_default();
        let mut states: Vec<_> = step.counters.iter().map(state).collect();
        let pairs = step.counters.iter().map(|counter| counter.rule).zip(&mut states);
        let Stepped { refusal, is_changed } = begin_in_all(pairs, step.attempt, step.what, step.now_ms);
        let mut remaining = Vec::new();
        for (counter, mut state) in step.counters.iter().zip(states).filter(|_| is_changed) {
            remaining.push(Some(state.remaining(counter.rule, step.now_ms)));
            self.put(*counter, state, step.now_ms);
        }
        refusal.map_or(Begun::Counted(remaining), Begun::No)
    }

    fn end(&mut self, attempt: AttemptId, ends: &[Ending], now_ms: i64) -> Vec<bool> {
        let end_one = |Ending { counter, how }: &Ending| {
            let mut state = self.0.get(&counter.key).cloned().unwrap_or_default();
            let filled = state.end(counter.rule, attempt, *how, now_ms);
            self.put(*counter, state, now_ms);
            filled
        };
        ends.iter().map(end_one).collect()
    }
}

/// A store, for the test.
#[derive(Clone, Copy)]
enum Compared<'a> {
    Redis(&'a RedisCounters),
    Database(&'a DatabaseCounters),
}

impl Compared<'_> {
    async fn begin(self, step: &Step) -> Result<Begun, StoreError> {
        match self {
            Self::Redis(redis) => redis.begin(step).await,
            Self::Database(database) => database.begin(step).await,
        }
    }

    async fn end(self, attempt: AttemptId, ends: &[Ending], now_ms: i64) -> Result<Vec<bool>, StoreError> {
        match self {
            Self::Redis(redis) => redis.end(attempt, ends, now_ms).await,
            Self::Database(database) => database.end(attempt, ends, now_ms).await,
        }
    }
}

async fn compare(
    store: Compared<'_>,
    start_ms: i64,
    counters: &[Limited],
    events: Vec<Event>,
) -> Result<(), TestCaseError> {
    let (mut model, mut now_ms, mut under_way) = (InRust::default(), start_ms, Vec::new());
    for (number, event) in events.into_iter().enumerate() {
        match event {
            Event::Clock(by_ms) => now_ms = now_ms.saturating_add(by_ms).clamp(0, LATEST_MS),
            Event::Begin { counters: chosen, fails } => {
                let chosen = |place: usize| chosen & (1 << place) != 0;
                let counters: Vec<_> = counters
                    .iter()
                    .enumerate()
                    .filter(|(place, _)| chosen(*place))
                    .map(|(_, c)| *c)
                    .collect();
                let what = if fails { Begin::Failed } else { Begin::UnderWay };
                let attempt = AttemptId(u64::MAX - u64::try_from(number).unwrap());
                let step = Step { attempt, what, counters: counters.clone(), now_ms };
                let expected = model.begin(&step);
                prop_assert_eq!(
                    &store.begin(&step).await.unwrap(),
                    &expected,
                    "event {}: {:?}",
                    number,
                    step
                );
                if !fails && matches!(expected, Begun::Counted(_)) {
                    under_way.push((attempt, counters));
                }
            }
            Event::End { which, first, others } if !under_way.is_empty() => {
                let (attempt, counters) = under_way.swap_remove(which.index(under_way.len()));
                let how = |place| if place == 0 { first } else { others };
                let ends = counters.iter().enumerate();
                let ends: Vec<_> =
                    ends.map(|(place, counter)| Ending { counter: *counter, how: how(place) }).collect();
                let expected = model.end(attempt, &ends, now_ms);
                let filled = store.end(attempt, &ends, now_ms).await.unwrap();
                prop_assert_eq!(filled, expected, "event {}: {:?}", number, ends);
            }
            Event::End { .. } => {}
        }
    }
    Ok(())
}

fn run(runtime: &tokio::runtime::Runtime, cases: u32, store: Compared<'_>) {
    let starts = prop_oneof![3 => Just(1_700_000_000_000), 1 => Just(0), 1 => Just(LATEST_MS)];
    let sequences = (starts, prop::array::uniform3(rules()), prop::collection::vec(events(), 1..80));
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&sequences, |(start_ms, rules, events)| {
        let random = Random::system();
        let counter = |rule| Limited { key: CounterKey(random.bytes()), rule, budget: Budget::Account };
        runtime.block_on(compare(store, start_ms, &rules.map(counter), events))
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn redis_says_what_the_counters_in_rust_say() {
    let runtime = runtime();
    let redis = runtime.block_on(RedisProcess::start());
    let address = RedisAddress::parse(&redis.url()).unwrap();
    run(&runtime, 200, Compared::Redis(&RedisCounters::new(address, "{throttle}", 1_000_000)));
}

fn database_says_the_same(backend: Backend) {
    let (runtime, place) = (runtime(), TestDatabase::create(backend));
    let database = runtime.block_on(async {
        let database = Database::connect(&place.settings()).await.unwrap();
        database.migrate(storage::migrations()).await.unwrap();
        database
    });
    run(&runtime, 30, Compared::Database(&DatabaseCounters::new(database, 1_000_000)));
}

#[test]
fn postgres_says_what_the_counters_in_rust_say() {
    database_says_the_same(Backend::Postgres);
}

#[test]
fn sqlite_says_what_the_counters_in_rust_say() {
    database_says_the_same(Backend::Sqlite);
}
