//! Known devices: a stranger who guesses cannot lock the owner out, and a hoard of cookies buys nothing (B7, B25, B26).

use std::sync::Arc;

use reqwest::StatusCode;
use reqwest::header::COOKIE;
use serde_json::json;
use service_kit::config::Secret;
use service_kit::database::Backend;
use service_kit::database::testing::TestDatabase;
use shared_claims::clock::ManualClock;

use crate::helpers::clients::client;
use crate::helpers::device::{ABROAD, DEVICE, ELSEWHERE, HOME, OFFICE, STRANGER, apps, proxied};
use crate::helpers::person::{OWN_ORIGIN, Person};
use crate::helpers::{ENCRYPTION_KEY, PASSWORD, START_MS, both_with, settings, spawn_replica};

const LOCK_MS: u64 = 900_000;

#[tokio::test]
async fn a_stranger_who_guesses_locks_out_strangers_only() {
    for app in &apps().await {
        let device = app.at(HOME).known("alice").await;
        assert!(app.at(OFFICE).gets_in("alice").await);
        app.at(STRANGER).lock("alice").await;
        assert!(!app.at(ELSEWHERE).gets_in("alice").await, "nobody knows this caller");
        assert!(app.at(ELSEWHERE).with(&device).gets_in("alice").await, "the device is known anywhere");
        for network in [HOME, OFFICE] {
            assert!(app.at(network).gets_in("alice").await, "the network is known");
        }
        assert!(!app.at(STRANGER).gets_in("alice").await, "and the stranger is not let in by that");
        // With the form of OAuth, and on a page, too.
        let token = |cookies: &str| {
            let post = app.post("/auth/token").form(&[("username", "alice"), ("password", PASSWORD)]);
            post.header(COOKIE, cookies).header("x-forwarded-for", ABROAD).send()
        };
        assert_eq!(token("a=b").await.unwrap().status(), StatusCode::TOO_MANY_REQUESTS);
        let form = [("username", "alice"), ("password", PASSWORD)];
        let post = |address: &str, cookies: &str| {
            let post = app.post("/login").form(&form).header("origin", OWN_ORIGIN).header(COOKIE, cookies);
            post.header("x-forwarded-for", address).send()
        };
        assert_eq!(post(ABROAD, "a=b").await.unwrap().status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(post(ABROAD, &device).await.unwrap().status(), StatusCode::SEE_OTHER);
        assert_eq!(post(HOME, "a=b").await.unwrap().status(), StatusCode::SEE_OTHER);
        assert_eq!(token(&device).await.unwrap().status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn wrong_guesses_with_a_cookie_lock_that_cookie_alone() {
    for app in &apps().await {
        let (one, other) = (app.at(HOME).known("alice").await, app.at(HOME).known("alice").await);
        app.at(STRANGER).with(&one).lock("alice").await;
        assert!(!app.at(HOME).with(&one).gets_in("alice").await, "the cookie counts, and not the network");
        assert!(app.at(ELSEWHERE).with(&other).gets_in("alice").await);
        assert!(app.at(HOME).gets_in("alice").await);
        assert!(app.at(ABROAD).gets_in("alice").await, "the common budget is whole");
        app.clock.advance_ms(LOCK_MS);
        assert!(app.at(ELSEWHERE).with(&one).gets_in("alice").await, "its lock has ended");
    }
}

/// B26: the id of the device stays when somebody else logs in there, and so does what is counted.
#[tokio::test]
async fn another_accounts_login_in_the_same_cookie_forgets_nothing() {
    for app in &apps().await {
        app.register("mallory").await;
        let mut device = app.at(HOME).known("alice").await;
        for _ in 0..9 {
            app.at(STRANGER).with(&device).guess("alice", 1).await;
            device = app.at(STRANGER).with(&device).known("mallory").await;
        }
        app.at(STRANGER).with(&device).guess("alice", 1).await;
        device = app.at(STRANGER).with(&device).known("mallory").await;
        assert!(!app.at(HOME).with(&device).gets_in("alice").await);
        // The account's own good login does forget them.
        app.clock.advance_ms(LOCK_MS);
        app.at(STRANGER).with(&device).guess("alice", 9).await;
        device = app.at(HOME).with(&device).known("alice").await;
        app.at(STRANGER).with(&device).lock("alice").await;
    }
}

#[tokio::test]
async fn copies_of_a_cookie_share_one_budget() {
    for app in &apps().await {
        let device = app.at(HOME).known("alice").await;
        for number in 1..=10 {
            app.at(&format!("203.0.113.{number}")).with(&device).guess("alice", 1).await;
        }
        assert!(!app.at("203.0.113.11").with(&device).gets_in("alice").await);
        assert!(app.at(ELSEWHERE).gets_in("alice").await);
    }
}

#[tokio::test]
async fn a_hundred_failures_over_all_cookies_of_an_account_void_them_for_it() {
    for app in &apps().await {
        app.register("bob").await;
        let mut hoard = Vec::new();
        for _ in 0..10 {
            hoard.push(app.at(HOME).known("alice").await);
        }
        let own = app.at(HOME).known("bob").await;
        let own = app.at(HOME).with(&own).known("alice").await;
        for name in ["alice", "bob"] {
            app.at(STRANGER).lock(name).await;
        }
        for (number, device) in hoard.iter().enumerate() {
            let address = format!("198.51.100.{}", 10 + number);
            app.at(&address).with(device).guess("alice", if number == 9 { 9 } else { 10 }).await;
        }
        assert!(app.at(ELSEWHERE).with(&own).gets_in("alice").await, "99 failures");
        app.clock.advance_ms(1);
        app.at("198.51.100.30").with(&hoard[9]).guess("alice", 1).await;
        assert!(!app.at(ABROAD).with(&own).gets_in("alice").await, "void: a stranger's budget");
        assert!(app.at(ABROAD).with(&own).gets_in("bob").await, "for that account alone");
        let own = app.at(HOME).with(&own).known("alice").await;
        assert!(app.at(ABROAD).with(&own).gets_in("alice").await, "until the next login");
        let rows = app.audit_rows().await;
        assert_eq!(rows.iter().filter(|row| row.kind == "login.devices_forgotten").count(), 1);
    }
}

#[tokio::test]
async fn a_change_of_the_password_makes_devices_and_networks_strangers() {
    for app in &apps().await {
        let device = app.at(HOME).known("alice").await;
        let tokens = app.login("alice").await;
        let change =
            json!({ "current_password": PASSWORD, "new_password": "another battery, another staple" });
        let change =
            app.post("/auth/password").bearer_auth(&tokens.access).json(&change).send().await.unwrap();
        assert_eq!(change.status(), StatusCode::NO_CONTENT);
        app.at(STRANGER).lock("alice").await;
        for caller in [app.at(ELSEWHERE).with(&device), app.at(HOME)] {
            let status = caller.log_in("alice", "another battery, another staple").await.status();
            assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
        }
        app.clock.advance_ms(LOCK_MS);
        let in_again = app.at(HOME).with(&device).log_in("alice", "another battery, another staple").await;
        let device = format!("{DEVICE}={}", crate::helpers::device::device_of(in_again.headers()).unwrap());
        app.at("203.0.113.2").lock("alice").await;
        for caller in [app.at(ELSEWHERE).with(&device), app.at(HOME)] {
            let status = caller.log_in("alice", "another battery, another staple").await.status();
            assert_eq!(status, StatusCode::NO_CONTENT, "until the next login");
        }
    }
}

#[tokio::test]
async fn a_reset_makes_devices_and_networks_strangers() {
    const NEW: &str = "another battery, another staple";
    for app in &both_with(proxied).await {
        app.verified("alice", "alice@example.org").await;
        let device = app.at(HOME).known("alice").await;
        app.forgot("alice").await;
        let token = app.last_token("alice@example.org").await;
        assert_eq!(app.reset(&token, NEW).await, 204);
        app.at(STRANGER).lock("alice").await;
        for caller in [app.at(ELSEWHERE).with(&device), app.at(HOME)] {
            assert_eq!(caller.log_in("alice", NEW).await.status(), StatusCode::TOO_MANY_REQUESTS);
        }
    }
}

/// A sign-out keeps the device known.
#[tokio::test]
async fn a_device_is_known_after_a_sign_out() {
    for app in &apps().await {
        let mut alice = Person::new(app);
        alice.sign_in_bare("alice").await;
        alice.post("/logout", &[]).await;
        assert!(!alice.cookies.contains_key("__Host-session"));
        app.at(STRANGER).lock("alice").await;
        let device = format!("{DEVICE}={}", alice.cookies[DEVICE]);
        assert!(app.at(ELSEWHERE).with(&device).gets_in("alice").await);
    }
}

/// What was not sealed here, or is not one cookie, counts as none and disturbs nothing.
#[tokio::test]
async fn forged_long_and_doubled_cookies_count_as_none() {
    for app in &apps().await {
        app.add_client(client("web1")).await;
        let device = app.at(HOME).known("alice").await;
        let sealed_for_a_page = Person::new(app).authorize(&[]).await.request().to_owned();
        app.at(STRANGER).lock("alice").await;
        let mut flipped = device.clone().into_bytes();
        let last = flipped.len() - 10;
        flipped[last] = if flipped[last] == b'A' { b'B' } else { b'A' };
        let flipped = String::from_utf8(flipped).unwrap();
        for cookies in [
            format!("{DEVICE}="),
            format!("{DEVICE}=x"),
            format!("{DEVICE}={{\"d\":1}}"),
            format!("{DEVICE}={}", "A".repeat(5000)),
            format!("{DEVICE}={sealed_for_a_page}"),
            format!("{device}{}", "A".repeat(4096)),
            format!("{device}; {device}"),
            format!("{device}; {DEVICE}=x"),
            device.replace("__Host-device", "device"),
            flipped,
        ] {
            assert!(!app.at(ELSEWHERE).with(&cookies).gets_in("alice").await, "{cookies}");
        }
        assert!(app.at(ELSEWHERE).with(&format!("a=b; {device}; c")).gets_in("alice").await);
        let with_header = app.post("/auth/login").json(&json!({ "username": "alice", "password": PASSWORD }));
        let with_header = with_header.header(COOKIE, &device).bearer_auth("x");
        let status = with_header.header("x-forwarded-for", ABROAD).send().await.unwrap().status();
        assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "with the header, cookies are ignored");
    }
}

/// A cookie that names a stranger does nothing for other names, whether or not somebody has them.
#[tokio::test]
async fn known_and_unknown_names_behave_alike_with_a_cookie() {
    for app in &apps().await {
        app.register("bob").await;
        let device = app.at(HOME).known("alice").await;
        for (name, address) in [("bob", "203.0.113.1"), ("nobody", "203.0.113.2")] {
            app.at(address).with(&device).lock(name).await;
            let refused = app.at(ELSEWHERE).with(&device).log_in(name, PASSWORD).await;
            assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS, "{name}");
            assert!(crate::helpers::device::device_of(refused.headers()).is_none());
        }
    }
}

/// The cookie opens under each encryption key that is configured; one sealed elsewhere counts as none.
#[tokio::test]
async fn the_cookie_outlives_a_rotation_of_the_encryption_key_and_no_other_deployment_opens_it() {
    const NEW: &str = "another key of more than thirty-two characters";
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let place = Arc::new(TestDatabase::create(backend));
        let clock = ManualClock::at(START_MS);
        let with_keys = |current: &str, previous: &[&str]| {
            let mut changed = settings(&place);
            proxied(&mut changed);
            changed.keys.encryption_key = Some(Secret::new(current));
            changed.keys.previous_encryption_keys = previous.iter().map(|key| Secret::new(*key)).collect();
            changed
        };
        let first = with_keys(ENCRYPTION_KEY, &[NEW]);
        let first = spawn_replica(&place, first, clock.clone(), 1).await.unwrap();
        first.register("alice").await;
        let device = first.at(HOME).known("alice").await;
        first.at(STRANGER).lock("alice").await;
        let rotated = with_keys(NEW, &[ENCRYPTION_KEY]);
        let rotated = spawn_replica(&place, rotated, clock.clone(), 2).await.unwrap();
        assert!(!rotated.at(ABROAD).gets_in("alice").await);
        assert!(rotated.at(ELSEWHERE).with(&device).gets_in("alice").await);
        assert!(rotated.at(HOME).gets_in("alice").await, "networks are known under the new key, too");
        let renewed = rotated.at(ELSEWHERE).with(&device).known("alice").await;
        assert!(
            first.at(ABROAD).with(&renewed).gets_in("alice").await,
            "until every replica has the new key"
        );

        let foreign = Arc::new(TestDatabase::create(backend));
        let mut other = settings(&foreign);
        proxied(&mut other);
        other.keys.encryption_key = Some(Secret::new(NEW));
        let other = spawn_replica(&foreign, other, clock, 1).await.unwrap();
        other.register("alice").await;
        other.at(STRANGER).lock("alice").await;
        assert!(!other.at(ELSEWHERE).with(&device).gets_in("alice").await);
    }
}

/// An operator forgets what was counted in every budget. What the account knows stays known.
#[tokio::test]
async fn an_operators_unlock_frees_every_budget_and_keeps_devices_known() {
    for app in &apps().await {
        let device = app.at(HOME).known("alice").await;
        let every = [app.at(STRANGER), app.at(STRANGER).with(&device), app.at(HOME)];
        for caller in every {
            caller.lock("alice").await;
        }
        app.administration().unlock("alice").await.unwrap().unwrap();
        app.at(STRANGER).lock("alice").await;
        assert!(app.at(ELSEWHERE).with(&device).gets_in("alice").await);
        assert!(app.at(HOME).gets_in("alice").await);
    }
}
