//! Random sequences of what people do at the sign-in: several tabs, two people at one browser, two replicas with different
//! current encryption keys, restarts, pages that stay open for long, forms that are posted twice. Whatever happens:
//!
//! - no dead end: every page that was ever shown still leads to a code for its own request;
//! - no code for somebody else: a code is for the person who is signed in, or whose password was just posted;
//! - no step-up that was not made: a request for a newer sign-in gets one that is newer than the request.

mod steps;
mod world;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use service_kit::database::Backend;

use self::steps::step;
use self::world::World;

fn run(backend: Backend, cases: u32) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let config = Config { cases, max_shrink_iters: 60, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new(config);
    let outcome = runner.run(&prop::collection::vec(step(), 4..25), |steps| {
        runtime.block_on(async {
            let mut world = World::new(backend).await;
            for (at, step) in steps.iter().enumerate() {
                let done = world.step(step).await;
                done.map_err(|error| TestCaseError::fail(format!("step {at}, {step:?}: {error}")))?;
            }
            world.finish().await.map_err(TestCaseError::fail)
        })
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

#[test]
fn every_page_leads_to_its_own_code_and_to_nobody_elses_on_sqlite() {
    run(Backend::Sqlite, 12);
}

#[test]
fn every_page_leads_to_its_own_code_and_to_nobody_elses_on_postgresql() {
    run(Backend::Postgres, 4);
}
