use std::collections::HashSet;

use auth_service::storage::refresh_tokens;
use reqwest::StatusCode;
use serde_json::Value;
use uuid::Uuid;

use crate::helpers::{TestApp, Tokens, both, both_with, claims_of};

fn sid(tokens: &Tokens) -> Uuid {
    claims_of(&tokens.access)["sid"].as_str().unwrap().parse().unwrap()
}

/// Whether the session has ended, all its tokens are refused, and the feed has the fact.
async fn is_dead(app: &TestApp, family: &[&Tokens]) -> bool {
    let mut dead = true;
    for tokens in family {
        dead &= !app.is_live(&tokens.access).await;
        dead &= app.is_refused(&tokens.refresh).await;
    }
    let sid = sid(family[0]).to_string();
    dead && app.facts().await.iter().filter(|fact| fact["kind"] == "sid" && fact["id"] == sid).count() == 1
}

#[tokio::test]
async fn each_use_rotates_the_token_within_one_session() {
    for app in both().await {
        let first = app.user("alice").await;
        let second = app.refresh(&first.refresh).await;
        let third = app.refresh(&second.refresh).await;
        assert_eq!(HashSet::from([&first.refresh, &second.refresh, &third.refresh]).len(), 3);
        assert_eq!(sid(&first), sid(&third));
        let jti = |tokens: &Tokens| claims_of(&tokens.access)["jti"].clone();
        assert_ne!(jti(&first), jti(&second));
        for tokens in [&first, &second, &third] {
            assert!(app.is_live(&tokens.access).await, "access tokens stay valid after a refresh");
        }
    }
}

/// B12: the response is lost and the request repeated.
#[tokio::test]
async fn a_replayed_token_gets_the_same_successor_while_that_is_unused() {
    for app in both().await {
        let first = app.user("alice").await;
        let second = app.refresh(&first.refresh).await;
        app.clock.advance_ms(29_999);
        let again = app.refresh(&first.refresh).await;
        assert_eq!(second.refresh, again.refresh);
        assert_ne!(second.access, again.access);
        app.refresh(&again.refresh).await;
    }
}

/// B12: the request is repeated after the replay time.
#[tokio::test]
async fn a_late_replay_ends_the_token_family() {
    for app in both().await {
        let first = app.user("alice").await;
        let second = app.refresh(&first.refresh).await;
        app.clock.advance_ms(30_000);
        assert!(app.is_refused(&first.refresh).await);
        assert!(is_dead(&app, &[&first, &second]).await);
        app.login("alice").await;
    }
}

/// B12: a parent is used after its child was used; and an older ancestor.
#[tokio::test]
async fn a_replay_after_the_successor_was_used_ends_the_token_family() {
    for app in both().await {
        for (name, presented) in [("parent", 1), ("grandparent", 0)] {
            let first = app.user(name).await;
            let second = app.refresh(&first.refresh).await;
            let third = app.refresh(&second.refresh).await;
            let fourth = app.refresh(&third.refresh).await;
            let family = [&first, &second, &third, &fourth];
            assert!(app.is_refused(&family[presented].refresh).await);
            assert!(is_dead(&app, &family).await, "{name}");
        }
    }
}

/// B12: fifty refreshes in parallel.
#[tokio::test]
async fn fifty_concurrent_refreshes_get_the_same_successor() {
    for app in both_with(|settings| settings.throttle.enabled = false).await {
        let first = app.user("alice").await;
        let all = (0..50).map(|_| app.try_refresh(&first.refresh));
        let mut children = HashSet::new();
        for response in futures_util::future::join_all(all).await {
            children.insert(Tokens::of(response).await.refresh);
        }
        assert_eq!(children.len(), 1);
        let child = children.into_iter().next().unwrap();
        let next = app.refresh(&child).await;
        assert!(app.is_live(&next.access).await);
        let sid = sid(&first);
        let count = app.database.read(move |conn| refresh_tokens::count_of_session(conn, sid));
        assert_eq!(count.await.unwrap(), 3, "one lineage");
    }
}

/// B12: fifty refreshes in parallel, with a replay time of 0.
#[tokio::test]
async fn without_replay_one_of_fifty_concurrent_refreshes_succeeds_and_the_others_end_the_family() {
    for app in both_with(|settings| settings.tokens.refresh_replay_seconds = 0).await {
        let first = app.user("alice").await;
        let all = futures_util::future::join_all((0..50).map(|_| app.try_refresh(&first.refresh))).await;
        let count = |status| all.iter().filter(|response| response.status() == status).count();
        assert_eq!((count(StatusCode::OK), count(StatusCode::UNAUTHORIZED)), (1, 49));
        for response in all {
            if response.status() == StatusCode::OK {
                let winner = Tokens::of(response).await;
                assert!(is_dead(&app, &[&first, &winner]).await);
            }
        }
    }
}

#[tokio::test]
async fn the_scope_of_a_refresh_can_narrow_and_never_widen() {
    for app in both().await {
        let first = app.user("alice").await;
        let ask = |token: String, scope: &'static str| {
            let app = &app;
            async move {
                let form = [("grant_type", "refresh_token"), ("refresh_token", &*token), ("scope", scope)];
                app.post_token(&form).await
            }
        };
        assert_eq!(ask(first.refresh.clone(), "admin").await.status(), StatusCode::BAD_REQUEST);
        let narrow: Value = ask(first.refresh.clone(), "todos:read").await.json().await.unwrap();
        assert_eq!(narrow["scope"], "todos:read", "the refusal consumed nothing");
        let next = app.refresh(narrow["refresh_token"].as_str().unwrap()).await;
        assert_eq!(claims_of(&next.access)["scope"], claims_of(&first.access)["scope"]);

        let form = [("username", "alice"), ("password", crate::helpers::PASSWORD), ("scope", "todos:read")];
        let login = Tokens::of(app.post_token(&form).await).await;
        let wider = ask(login.refresh.clone(), "todos:read todos:write").await;
        assert_eq!(wider.status(), StatusCode::BAD_REQUEST);
        assert_eq!(claims_of(&app.refresh(&login.refresh).await.access)["scope"], "todos:read");
    }
}

#[tokio::test]
async fn each_refresh_extends_the_expiry_up_to_the_end_of_the_session() {
    let times = |settings: &mut auth_service::config::Settings| {
        settings.tokens.refresh_ttl_seconds = 1000;
        settings.sessions.max_age_seconds = 2500;
    };
    for app in both_with(times).await {
        let first = app.user("alice").await;
        app.clock.advance_ms(999_000);
        let second = app.refresh(&first.refresh).await;
        app.clock.advance_ms(999_000);
        let third = app.refresh(&second.refresh).await;
        app.clock.advance_ms(502_000);
        assert!(app.is_refused(&third.refresh).await, "the session has ended");

        let idle = app.login("alice").await;
        app.clock.advance_ms(1_000_000);
        assert!(app.is_refused(&idle.refresh).await);
        assert!(app.facts().await.is_empty(), "an expired token is not reuse and ends no session");
    }
}

/// B12: refreshes after logout and logout-all.
#[tokio::test]
async fn no_token_is_issued_after_the_end_of_the_session() {
    for app in both().await {
        let one = app.user("alice").await;
        app.logout(&one.access).await;
        assert!(app.is_refused(&one.refresh).await);
        let two = app.login("alice").await;
        app.logout_all(&two.access).await;
        assert!(app.is_refused(&two.refresh).await);
        for token in ["", "lkr_", &format!("lkr_{}", "A".repeat(86)), &two.access] {
            assert!(app.is_refused(token).await, "{token}");
        }
    }
}
