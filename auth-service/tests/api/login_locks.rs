//! Locks: past the limit of failures for an account, everybody waits alike, and for as long as was said.

use std::sync::Arc;
use std::time::Duration;

use auth_service::config::Settings;
use auth_service::storage::login_locks;
use auth_service::storage::schema::login_locks::dsl;
use diesel::prelude::*;
use reqwest::header::RETRY_AFTER;
use reqwest::{Response, StatusCode};
use serde_json::Value;
use service_kit::database::testing::TestDatabase;
use service_kit::database::{Backend, DatabaseError};
use shared_claims::clock::{Clock as _, ManualClock};
use shared_claims::testing::eventually;

use crate::helpers::{PASSWORD, START_MS, TestApp, on_each_store, settings, spawn_replica};

pub(crate) const WRONG: &str = "a wrong password of some length";
const MINUTE_MS: u64 = 60_000;

/// The limits of a new installation.
pub(crate) fn limited(settings: &mut Settings) {
    settings.throttle.failures_per_name = 10;
    settings.throttle.lock_seconds = 900;
}

/// Fails so often that the account is locked.
pub(crate) async fn lock(app: &TestApp, identifier: &str) {
    for _ in 0..10 {
        assert_eq!(app.login_status(identifier, WRONG).await, StatusCode::UNAUTHORIZED, "{identifier}");
    }
}

/// The seconds that a refused caller has to wait, and the body.
pub(crate) async fn refused(response: Response) -> (u32, Value) {
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    let seconds = response.headers().get(RETRY_AFTER).unwrap().to_str().unwrap().parse().unwrap();
    (seconds, response.json().await.unwrap())
}

/// The number of rows of locks.
async fn rows(app: &TestApp) -> i64 {
    let counted =
        app.database.read(|conn| Ok::<_, DatabaseError>(dsl::login_locks.count().get_result::<i64>(conn)?));
    counted.await.unwrap()
}

#[tokio::test]
async fn past_the_limit_everybody_waits_alike_and_as_long_as_was_said() {
    for app in &on_each_store(limited).await {
        app.verified("ada", "ada@example.org").await;
        for identifier in ["ada", "nobody-here", "nobody@example.org"] {
            lock(app, identifier).await;
        }
        let mut bodies = Vec::new();
        for (identifier, password) in [
            ("ada", PASSWORD),
            ("ADA", WRONG),
            ("ada@example.org", PASSWORD),
            ("Nobody-Here", WRONG),
            ("nobody@example.org", PASSWORD),
        ] {
            let (seconds, body) = refused(app.try_login(identifier, password).await).await;
            assert_eq!(seconds, 900, "{identifier}");
            bodies.push(body);
        }
        assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]), "{bodies:?}");
        app.clock.advance_ms(15 * MINUTE_MS - 1);
        assert_eq!(refused(app.try_login("ada", PASSWORD).await).await.0, 1);
        app.clock.advance_ms(1);
        assert_eq!(app.login_status("ada", PASSWORD).await, StatusCode::OK);
        let events: Vec<_> =
            app.audit_rows().await.into_iter().filter(|row| row.kind == "login.locked").collect();
        let mut said: Vec<_> = events
            .iter()
            .map(|row| (row.user_id.is_some(), row.reason.as_deref(), row.subject.as_deref()))
            .collect();
        said.sort();
        said.reverse();
        assert_eq!(
            said,
            [
                (true, Some("unknown_caller"), Some("900 s")),
                (false, Some("unknown_user"), Some("900 s")),
                (false, Some("unknown_user"), Some("900 s"))
            ]
        );
        assert_eq!(app.metric("latchkey_throttle_locks_total").await, 3);
        assert_eq!(rows(app).await, 2, "a good login ended the row of its budget");
    }
}

/// B26: they are one account, whatever it is called.
#[tokio::test]
async fn guesses_by_name_and_by_address_count_together() {
    for app in &on_each_store(limited).await {
        app.verified("ada", "ada@example.org").await;
        for _ in 0..5 {
            assert_eq!(app.login_status("Ada", WRONG).await, StatusCode::UNAUTHORIZED);
            assert_eq!(app.login_status("ADA@example.org", WRONG).await, StatusCode::UNAUTHORIZED);
        }
        for identifier in ["ada", "ada@example.org"] {
            refused(app.try_login(identifier, PASSWORD).await).await;
        }
    }
}

/// B6: no spelling of an identifier gives further guesses.
#[tokio::test]
async fn the_spellings_of_an_identifier_count_together() {
    for app in &on_each_store(limited).await {
        for spelling in ["mallory", "MALLORY", " mallory", "mallory ", "mallory."].repeat(2) {
            assert_eq!(app.login_status(spelling, WRONG).await, StatusCode::UNAUTHORIZED, "{spelling:?}");
        }
        refused(app.try_login("Mallory", WRONG).await).await;
    }
}

#[tokio::test]
async fn each_lock_in_a_row_lasts_twice_as_long_up_to_a_day() {
    for app in &on_each_store(limited).await {
        app.register("ada").await;
        let mut minutes = Vec::new();
        for _ in 0..9 {
            lock(app, "ada").await;
            let (seconds, _) = refused(app.try_login("ada", WRONG).await).await;
            // Nothing prolongs a lock.
            assert_eq!(refused(app.try_login("ada", PASSWORD).await).await.0, seconds);
            app.clock.advance_ms(u64::from(seconds) * 1000);
            minutes.push(seconds / 60);
        }
        assert_eq!(minutes, [15, 30, 60, 120, 240, 480, 960, 1440, 1440]);
        assert_eq!(app.login_status("ada", PASSWORD).await, StatusCode::OK);
        lock(app, "ada").await;
        assert_eq!(
            refused(app.try_login("ada", PASSWORD).await).await.0,
            900,
            "the good login ended the row"
        );
        app.clock.advance_ms(15 * MINUTE_MS + 24 * 60 * MINUTE_MS);
        lock(app, "ada").await;
        assert_eq!(
            refused(app.try_login("ada", PASSWORD).await).await.0,
            900,
            "and so did a day without one"
        );
    }
}

/// B26: the judgement is finished, and counts.
#[tokio::test]
async fn guesses_whose_caller_hangs_up_lock_the_account() {
    let slow = |settings: &mut Settings| {
        limited(settings);
        settings.passwords.bcrypt_cost = 11;
    };
    for app in &on_each_store(slow).await {
        app.register("ada").await;
        for identifier in ["ada", "nobody-here"] {
            for _ in 0..10 {
                let form = [("username", identifier), ("password", WRONG)];
                let hung_up =
                    app.post("/auth/token").form(&form).timeout(Duration::from_millis(20)).send().await;
                assert!(hung_up.is_err(), "a hash takes longer");
            }
            eventually("the account is locked", Duration::from_secs(30), || async {
                app.login_status(identifier, WRONG).await == StatusCode::TOO_MANY_REQUESTS
            })
            .await;
        }
        eventually("both are locked", Duration::from_secs(30), || async { rows(app).await == 2 }).await;
    }
}

#[tokio::test]
async fn a_lock_holds_on_every_replica_and_after_a_restart() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let place = Arc::new(TestDatabase::create(backend));
        let mut settings = settings(&place);
        limited(&mut settings);
        let clock = ManualClock::at(START_MS);
        let start = |seed| spawn_replica(&place, settings.clone(), clock.clone(), seed);
        let (one, other) = (start(1).await.unwrap(), start(2).await.unwrap());
        one.register("ada").await;
        lock(&one, "ada").await;
        lock(&one, "nobody-here").await;
        drop(one);
        let restarted = start(3).await.unwrap();
        for app in [&other, &restarted] {
            for identifier in ["ada", "nobody-here"] {
                assert_eq!(refused(app.try_login(identifier, PASSWORD).await).await.0, 900);
            }
        }
    }
}

/// Only a login is refused: whoever is signed in goes on.
#[tokio::test]
async fn sessions_and_refresh_tokens_go_on_during_a_lock() {
    for app in &on_each_store(limited).await {
        let tokens = app.user("ada").await;
        lock(app, "ada").await;
        assert!(app.is_live(&tokens.access).await);
        let refreshed = app.refresh(&tokens.refresh).await;
        assert!(app.is_live(&refreshed.access).await);
        refused(app.try_login("ada", PASSWORD).await).await;
    }
}

/// Also those of identifiers that nobody has.
#[tokio::test]
async fn a_row_of_locks_is_deleted_a_day_after_its_end() {
    for app in &on_each_store(limited).await {
        app.register("ada").await;
        lock(app, "ada").await;
        lock(app, "nobody-here").await;
        let prune = |now_ms: i64| app.database.write(move |conn| login_locks::prune(conn, now_ms, 500));
        let end_ms = app.clock.now_ms() + 900_000 + 86_400_000;
        assert_eq!(prune(end_ms).await.unwrap(), 0);
        assert_eq!(prune(end_ms + 1).await.unwrap(), 2);
        // A user's locks are deleted with the user.
        lock(app, "nobody-there").await;
        app.clock.advance_ms(15 * MINUTE_MS);
        lock(app, "ada").await;
        app.delete_user("ada").await;
        assert_eq!(rows(app).await, 1);
    }
}
