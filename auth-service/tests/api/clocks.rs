//! A27: two replicas whose clocks differ by 900 ms, which `revocation.clock_skew_ms` of 1,000 has to cover.

use std::sync::Arc;

use reqwest::StatusCode;
use service_kit::database::Backend;
use service_kit::database::testing::TestDatabase;
use shared_claims::clock::ManualClock;

use crate::helpers::{START_MS, TestApp, Tokens, claims_of, settings, spawn_replica};

const APART_MS: i64 = 900;

/// The time in the token's `jti`.
fn jti_time_ms(tokens: &Tokens) -> i64 {
    let jti = claims_of(&tokens.access)["jti"].as_str().unwrap().replace('-', "");
    i64::from_str_radix(&jti[..12], 16).unwrap()
}

async fn cut_ms(app: &TestApp) -> i64 {
    app.facts().await.last().unwrap()["at"].as_i64().unwrap()
}

#[tokio::test]
async fn a_cut_covers_what_any_replica_issued_before_and_nothing_that_any_issues_after() {
    let place = Arc::new(TestDatabase::create(Backend::Postgres));
    let (behind, ahead) = (ManualClock::at(START_MS), ManualClock::at(START_MS + APART_MS));
    let one = spawn_replica(&place, settings(&place), behind.clone(), 1).await.unwrap();
    let other = spawn_replica(&place, settings(&place), ahead.clone(), 2).await.unwrap();
    one.register("alice").await;
    let standing = other.user("bob").await;
    for (round, cutter) in [&one, &other, &one, &one, &other, &other].into_iter().enumerate() {
        let before = [one.login("alice").await, other.login("alice").await];
        let refreshed = other.refresh(&before[0].refresh).await;
        assert_eq!(cutter.logout_all(&before[1].access).await.status(), StatusCode::NO_CONTENT);
        // At once, in the same millisecond by each clock.
        let after = [one.login("alice").await, other.login("alice").await];

        let cut = cut_ms(&one).await;
        for tokens in before.iter().chain([&refreshed]) {
            assert!(jti_time_ms(tokens) <= cut, "round {round}: {} > {cut}", jti_time_ms(tokens));
        }
        for tokens in &after {
            assert!(jti_time_ms(tokens) > cut, "round {round}: {} <= {cut}", jti_time_ms(tokens));
        }
        for app in [&one, &other] {
            for tokens in &after {
                assert!(app.is_live(&tokens.access).await, "round {round}");
            }
            for tokens in &before {
                assert!(!app.is_live(&tokens.access).await, "round {round}");
            }
        }
        for clock in [&behind, &ahead] {
            clock.advance_ms(u64::try_from(round).unwrap() * 137);
        }
    }
    assert!(one.is_live(&standing.access).await);
}
