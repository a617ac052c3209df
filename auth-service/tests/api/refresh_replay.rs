//! Tests of replays of a refresh: which are answered, which are refused, which end the session, and which are
//! recorded.

use std::sync::Arc;

use reqwest::{Response, StatusCode};
use serde_json::Value;
use service_kit::database::Backend;
use service_kit::database::testing::TestDatabase;
use shared_claims::clock::ManualClock;

use crate::helpers::clients::{client, refusal};
use crate::helpers::{START_MS, TestApp, Tokens, both, both_with, claims_of, settings, spawn_replica};

/// Every replay within five seconds after the use is answered. After that, three replays are answered, and a further
/// one is refused without ending the session.
#[tokio::test]
async fn replays_are_accepted_for_five_seconds_and_then_three_times() {
    for app in both().await {
        let first = app.user("alice").await;
        let child = app.refresh(&first.refresh).await;
        for _ in 0..8 {
            assert_eq!(app.refresh(&first.refresh).await.refresh, child.refresh);
        }
        app.clock.advance_ms(4_999);
        for _ in 0..4 {
            assert_eq!(app.refresh(&first.refresh).await.refresh, child.refresh);
        }
        app.clock.advance_ms(1);
        for _ in 0..3 {
            assert_eq!(app.refresh(&first.refresh).await.refresh, child.refresh);
        }
        for _ in 0..3 {
            assert!(app.is_refused(&first.refresh).await);
        }
        app.clock.advance_ms(24_999);
        assert!(app.is_refused(&first.refresh).await);
        assert!(app.facts().await.is_empty(), "a replay beyond the limit ends no session");
        assert!(app.is_live(&child.access).await);
        let next = app.refresh(&child.refresh).await;
        // The count is per parent: the next token has its own replays.
        app.clock.advance_ms(5_000);
        for _ in 0..3 {
            assert_eq!(app.refresh(&child.refresh).await.refresh, next.refresh);
        }
        assert!(app.is_refused(&child.refresh).await);
        app.clock.advance_ms(25_000);
        assert!(app.is_refused(&child.refresh).await);
        assert!(!app.is_live(&next.access).await, "reuse after the time ends the session");
    }
}

/// The same on the OAuth endpoints.
#[tokio::test]
async fn a_replay_above_the_limit_is_invalid_grant_and_ends_nothing() {
    for app in both().await {
        app.add_client(client("billing")).await;
        app.register("alice").await;
        let login =
            [("grant_type", "password"), ("username", "alice"), ("password", crate::helpers::PASSWORD)];
        let first = Tokens::of(app.grant_to("billing", &login).await).await;
        let form = [("grant_type", "refresh_token"), ("refresh_token", &*first.refresh)];
        let child = Tokens::of(app.grant_to("billing", &form).await).await;
        app.clock.advance_ms(5_000);
        for _ in 0..3 {
            assert_eq!(Tokens::of(app.grant_to("billing", &form).await).await.refresh, child.refresh);
        }
        let refused = refusal(app.grant_to("billing", &form).await).await;
        assert_eq!(refused, (400, "invalid_grant".to_owned()));
        assert!(app.facts().await.is_empty());
        let form = [("grant_type", "refresh_token"), ("refresh_token", &*child.refresh)];
        assert_eq!(app.grant_to("billing", &form).await.status(), StatusCode::OK);
    }
}

async fn refresh_as(app: &TestApp, token: &str, agent: &str, address: &str) -> u16 {
    let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
    let request = app.post("/auth/token").form(&form);
    request
        .header("user-agent", agent)
        .header("x-forwarded-for", address)
        .send()
        .await
        .unwrap()
        .status()
        .as_u16()
}

async fn replays(app: &TestApp) -> Vec<(Option<String>, Option<String>)> {
    let rows = app.audit_rows().await.into_iter().filter(|row| row.kind == "refresh.replayed");
    rows.map(|row| (row.address, row.user_agent)).collect()
}

/// A replay from another caller may come from an attacker, or from the user with another address. It is recorded.
#[tokio::test]
async fn a_replay_from_another_address_or_agent_is_recorded() {
    let proxied = |settings: &mut auth_service::config::Settings| {
        settings.http.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    };
    for app in both_with(proxied).await {
        let first = app.user("alice").await;
        for _ in 0..2 {
            assert_eq!(refresh_as(&app, &first.refresh, "tab", "192.0.2.1").await, 200);
        }
        assert_eq!(replays(&app).await, []);
        assert_eq!(refresh_as(&app, &first.refresh, "thief", "192.0.2.1").await, 200);
        // Events of the same millisecond have no order.
        app.clock.advance_ms(1);
        assert_eq!(refresh_as(&app, &first.refresh, "tab", "192.0.2.9").await, 200);
        let seen = [("192.0.2.1", "thief"), ("192.0.2.9", "tab")];
        let seen = seen.map(|(address, agent)| (Some(address.to_owned()), Some(agent.to_owned())));
        assert_eq!(replays(&app).await, seen);
        let rows = app.audit_rows().await;
        let row = rows.iter().find(|row| row.kind == "refresh.replayed").unwrap();
        assert!(row.user_id.is_some() && row.session_id.is_some());
        assert_eq!(row.client_id.as_deref(), Some("first-party"));
    }
}

/// An attacker cannot learn whether a stolen token is valid by asking for too large a scope.
#[tokio::test]
async fn too_wide_a_scope_gets_the_same_response_for_live_and_dead_tokens() {
    for app in both().await {
        app.register("alice").await;
        let narrow = [("username", "alice"), ("password", crate::helpers::PASSWORD), ("scope", "todos:read")];
        let [living, ended, used] = [
            Tokens::of(app.post_token(&narrow).await).await,
            Tokens::of(app.post_token(&narrow).await).await,
            Tokens::of(app.post_token(&narrow).await).await,
        ];
        app.logout(&ended.access).await;
        let child = app.refresh(&used.refresh).await;
        app.refresh(&child.refresh).await;
        for token in [&living, &ended, &used] {
            let wide = [
                ("grant_type", "refresh_token"),
                ("refresh_token", &*token.refresh),
                ("scope", "todos:read todos:write"),
            ];
            let response = app.post_token(&wide).await;
            assert_eq!(response.status(), StatusCode::BAD_REQUEST);
            let body: Value = response.json().await.unwrap();
            assert_eq!(body["detail"], "The requested scope is unknown or more than may be given");
        }
        assert!(!app.is_live(&child.access).await, "reuse ends the session all the same");
        app.refresh(&living.refresh).await;
    }
}

/// Existing sessions grant no more than the current settings allow.
#[tokio::test]
async fn a_narrower_default_scope_applies_to_existing_sessions() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let place = Arc::new(TestDatabase::create(backend));
        let wide = settings(&place);
        let mut narrow = settings(&place);
        narrow.tokens.default_scope = "openid todos:read".to_owned();
        let clock = ManualClock::at(START_MS);
        let before = spawn_replica(&place, wide, clock.clone(), 1).await.unwrap();
        let tokens = before.user("alice").await;
        drop(before);
        let after = spawn_replica(&place, narrow, clock, 2).await.unwrap();
        let tokens = after.refresh(&tokens.refresh).await;
        assert_eq!(claims_of(&tokens.access)["scope"], "openid todos:read");
    }
}

/// Returns the `Retry-After` of a refusal, and checks that its body does not contain the time.
async fn retry_after(response: Response) -> u64 {
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    let seconds = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert_eq!(response.headers()["cache-control"], "no-store");
    let body: Value = response.json().await.unwrap();
    if body["error"].is_string() {
        assert_eq!(body["error"], "temporarily_unavailable");
        assert_eq!(body["error_description"], "too many requests, try again later");
    } else {
        assert_eq!(
            (&body["status"], &body["detail"]),
            (&429.into(), &"Too many requests, try again later".into())
        );
    }
    seconds
}

/// Thirty refreshes a minute, including replays. A refused token is not consumed, and a retry does not prolong the
/// wait.
#[tokio::test]
async fn a_session_is_refreshed_thirty_times_a_minute_at_most() {
    for app in both().await {
        let (mut tokens, other) = (app.user("alice").await, app.login("alice").await);
        for _ in 0..10 {
            let parent = tokens.refresh.clone();
            tokens = app.refresh(&parent).await;
            app.clock.advance_ms(1_000);
            for _ in 0..2 {
                assert_eq!(app.refresh(&parent).await.refresh, tokens.refresh);
            }
        }
        for _ in 0..3 {
            assert_eq!(retry_after(app.try_refresh(&tokens.refresh).await).await, 50);
        }
        app.refresh(&other.refresh).await;
        app.clock.advance_ms(49_999);
        assert_eq!(retry_after(app.try_refresh(&tokens.refresh).await).await, 1);
        assert!(app.is_live(&tokens.access).await);
        app.clock.advance_ms(1);
        for _ in 0..30 {
            tokens = app.refresh(&tokens.refresh).await;
        }
        assert_eq!(retry_after(app.try_refresh(&tokens.refresh).await).await, 60);
        assert!(app.facts().await.is_empty());
    }
}

/// The rate limit is checked before the limit of replays, and the reuse of a used token ends the session even if the
/// rate limit is reached.
#[tokio::test]
async fn a_throttled_replay_is_429_and_reuse_is_not_throttled() {
    for app in both_with(|settings| settings.throttle.refreshes_per_session_per_minute = 4).await {
        let first = app.user("alice").await;
        let second = app.refresh(&first.refresh).await;
        app.clock.advance_ms(5_000);
        for _ in 0..3 {
            app.refresh(&first.refresh).await;
        }
        assert_eq!(retry_after(app.try_refresh(&first.refresh).await).await, 55);
        assert_eq!(retry_after(app.try_refresh(&second.refresh).await).await, 55);
        app.clock.advance_ms(25_000);
        assert!(app.is_refused(&first.refresh).await);
        assert!(!app.is_live(&second.access).await);
    }
}

/// Fifty requests at once, on the first-party and the OAuth endpoints: as many as are allowed get the same child, the
/// others are told to wait.
#[tokio::test]
async fn of_fifty_concurrent_refreshes_thirty_succeed() {
    for app in both().await {
        app.add_client(client("billing")).await;
        app.register("alice").await;
        let login =
            [("grant_type", "password"), ("username", "alice"), ("password", crate::helpers::PASSWORD)];
        let first = Tokens::of(app.grant_to("billing", &login).await).await;
        let form = [("grant_type", "refresh_token"), ("refresh_token", &*first.refresh)];
        let answers = futures_util::future::join_all((0..50).map(|_| app.grant_to("billing", &form))).await;
        let (given, refused): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|answer| answer.status() == StatusCode::OK);
        assert_eq!((given.len(), refused.len()), (30, 20));
        let mut children = std::collections::HashSet::new();
        for answer in given {
            children.insert(Tokens::of(answer).await.refresh);
        }
        assert_eq!(children.len(), 1);
        for answer in refused {
            assert_eq!(retry_after(answer).await, 60);
        }
    }
}
