//! Known networks: an owner without a cookie gets in from where the account logged in before (B7).

use reqwest::StatusCode;

use crate::helpers::PASSWORD;
use crate::helpers::clients::client;
use crate::helpers::device::{ELSEWHERE, HOME, OFFICE, STRANGER, apps};

const LOCK_MS: u64 = 900_000;
const DAY_MS: u64 = 86_400_000;

/// In a /64 all addresses are one network; and nobody's address is stored.
#[tokio::test]
async fn an_ipv6_network_is_known_as_a_whole() {
    for app in &apps().await {
        assert!(app.at("2001:db8:1:2::1").gets_in("alice").await);
        app.at(STRANGER).lock("alice").await;
        assert!(app.at("2001:db8:1:2:3:4:5:6").gets_in("alice").await);
        assert!(!app.at("2001:db8:1:3::1").gets_in("alice").await);
    }
}

#[tokio::test]
async fn a_network_of_four_accounts_is_known_to_none_of_them() {
    for app in &apps().await {
        for name in ["bob", "carol", "dave"] {
            app.register(name).await;
        }
        for name in ["alice", "bob", "carol"] {
            assert!(app.at(OFFICE).gets_in(name).await);
        }
        app.at(STRANGER).lock("alice").await;
        assert!(app.at(OFFICE).gets_in("alice").await, "three accounts");
        assert!(app.at(OFFICE).gets_in("dave").await);
        assert!(!app.at(OFFICE).gets_in("alice").await, "four accounts");
        app.at(STRANGER).lock("bob").await;
        assert!(!app.at(OFFICE).gets_in("bob").await);
        // A month after the others' last logins from there it is a network of few again.
        app.clock.advance_ms(31 * DAY_MS);
        for name in ["alice", "bob"] {
            assert!(app.at(OFFICE).gets_in(name).await);
        }
        app.at("203.0.113.2").lock("alice").await;
        assert!(app.at(OFFICE).gets_in("alice").await);
    }
}

#[tokio::test]
async fn a_network_is_known_for_a_month_after_the_last_login_there() {
    for app in &apps().await {
        assert!(app.at(HOME).gets_in("alice").await);
        app.clock.advance_ms(29 * DAY_MS);
        assert!(app.at(HOME).gets_in("alice").await, "noted again");
        app.clock.advance_ms(29 * DAY_MS);
        app.at(STRANGER).lock("alice").await;
        app.clock.advance_ms(LOCK_MS - 1000);
        assert!(app.at(HOME).gets_in("alice").await);
        app.clock.advance_ms(31 * DAY_MS);
        app.at(STRANGER).lock("alice").await;
        assert!(!app.at(HOME).gets_in("alice").await, "forgotten");
    }
}

#[tokio::test]
async fn an_account_knows_the_networks_of_its_ten_latest_logins() {
    for app in &apps().await {
        for number in 1..=11 {
            assert!(app.at(&format!("192.0.2.{number}")).gets_in("alice").await);
            app.clock.advance_ms(1);
        }
        app.at(STRANGER).lock("alice").await;
        assert!(!app.at("192.0.2.1").gets_in("alice").await, "the eleventh login took its place");
        for number in 2..=11 {
            assert!(app.at(&format!("192.0.2.{number}")).gets_in("alice").await, "{number}");
        }
    }
}

#[tokio::test]
async fn wrong_guesses_from_a_known_network_lock_that_network_alone() {
    for app in &apps().await {
        for network in [HOME, OFFICE] {
            assert!(app.at(network).gets_in("alice").await);
        }
        app.at(HOME).lock("alice").await;
        assert!(!app.at(HOME).gets_in("alice").await);
        assert!(app.at(OFFICE).gets_in("alice").await);
        assert!(app.at(ELSEWHERE).gets_in("alice").await);
    }
}

/// The address of a password grant is that of a client, so it makes no network known.
#[tokio::test]
async fn the_password_grant_makes_no_network_known() {
    for app in &apps().await {
        app.add_client(client("billing")).await;
        let grant = async |password: &str| {
            let form = [("grant_type", "password"), ("username", "alice"), ("password", password)];
            app.grant_to("billing", &form).await.status()
        };
        assert_eq!(grant(PASSWORD).await, StatusCode::OK);
        assert!(app.at(HOME).gets_in("alice").await);
        for _ in 0..10 {
            assert_eq!(grant("a wrong guess").await, StatusCode::BAD_REQUEST);
        }
        assert_eq!(grant(PASSWORD).await, StatusCode::TOO_MANY_REQUESTS);
        assert!(!app.at("127.0.0.1").gets_in("alice").await, "the client's own address is not known");
        assert!(app.at(HOME).gets_in("alice").await);
    }
}
