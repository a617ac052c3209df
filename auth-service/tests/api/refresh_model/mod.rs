//! Model test of refresh: random sequences of refresh, replay, revocation, logout, expiry and disabling, sequential
//! and concurrent, compared with a model of the contract that shares no code with the service.
//!
//! Each run uses new random sequences, for three seconds on each database and each replay time;
//! `LATCHKEY_MODEL_SECONDS` sets another time. A failing sequence is shrunk to the shortest one, which is printed.

mod driver;
mod model;
mod orders;
mod steps;

use auth_service::config::Settings;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use service_kit::database::Backend;
use shared_claims::clock::{Clock as _, SystemClock};

use self::driver::Driver;
use self::model::{Rules, Scope};
use self::steps::{RelativeAction, Step, TokenChoice, steps};
use crate::helpers::{TestApp, spawn_app};

fn rules(replay: i64) -> Rules {
    Rules { replay, refresh: 100, session: 150, access: 40, leeway: 10 }
}

fn apply(rules: Rules) -> impl FnOnce(&mut Settings) {
    move |settings| {
        settings.tokens.refresh_replay_seconds = rules.replay;
        settings.tokens.refresh_ttl_seconds = rules.refresh;
        settings.tokens.access_ttl_seconds = rules.access;
        settings.sessions.max_age_seconds = rules.session;
        // Rate limits are tested elsewhere. Here the clock does not move while many requests are sent.
        settings.throttle.enabled = false;
        // The clock runs far ahead here. Key rotation is tested elsewhere.
        settings.keys.rotate_after_days = 0;
    }
}

async fn follow(app: &TestApp, rules: Rules, name: String, steps: &[Step]) -> Result<(), String> {
    let mut driver = Driver::new(app, rules, name).await;
    for (at, step) in steps.iter().enumerate() {
        driver.step(step).await.map_err(|error| format!("step {at}, {step:?}: {error}"))?;
    }
    driver.finish().await
}

fn run(backend: Backend, replay: i64) {
    const CASES_AT_LEAST: u32 = 8;
    let seconds = std::env::var("LATCHKEY_MODEL_SECONDS").map_or(3, |text| text.parse().unwrap());
    let rules = rules(replay);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let app = runtime.block_on(spawn_app(backend, apply(rules)));
    let config = Config {
        cases: CASES_AT_LEAST,
        max_shrink_iters: 400,
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner = TestRunner::new(config);
    let users = std::cell::Cell::new(0);
    let until_ms = SystemClock.boot_ms() + seconds * 1000;
    while users.get() == 0 || SystemClock.boot_ms() < until_ms {
        let held = runner.run(&steps(), |steps| {
            users.set(users.get() + 1);
            let name = format!("user number {}", users.get());
            runtime.block_on(follow(&app, rules, name, &steps)).map_err(TestCaseError::fail)
        });
        held.unwrap_or_else(|error| panic!("{backend:?}, replay {replay} s: {error}"));
    }
    runtime.block_on(async move { drop(app) });
}

/// Both access tokens, which are the same, may be checked before one of the logouts takes effect.
#[tokio::test]
async fn of_two_logouts_with_one_access_token_one_or_both_are_done() {
    let rules = rules(30);
    let app = spawn_app(Backend::Sqlite, apply(rules)).await;
    let newest = |make: fn(usize, TokenChoice) -> RelativeAction| make(0, TokenChoice::Newest);
    for act in [
        newest(|back, which| RelativeAction::LogOut { back, which }),
        newest(|back, which| RelativeAction::LogOutAll { back, which }),
    ] {
        for time in 0..20 {
            let steps = [Step::Alone(RelativeAction::LogIn(Scope::All)), Step::Together(vec![act; 2])];
            follow(&app, rules, format!("user {time} of {act:?}"), &steps).await.unwrap();
        }
    }
}

#[test]
fn sqlite_with_replay() {
    run(Backend::Sqlite, 30);
}

#[test]
fn sqlite_without_replay() {
    run(Backend::Sqlite, 0);
}

#[test]
fn postgres_with_replay() {
    run(Backend::Postgres, 30);
}

#[test]
fn postgres_without_replay() {
    run(Backend::Postgres, 0);
}
