//! B13: no token survives a revocation, whatever runs concurrently.

use std::collections::HashSet;

use auth_service::config::Settings;
use auth_service::storage::{refresh_tokens, sessions};
use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use uuid::Uuid;

use crate::helpers::{PASSWORD, TestApp, Tokens, both, both_with, claims_of};

async fn live_sessions(app: &TestApp, id: Uuid) -> usize {
    let now_ms = crate::helpers::START_MS;
    let live = app.database.read(move |conn| sessions::some_of_user(conn, id, now_ms, None, 1000));
    live.await.unwrap().len()
}

async fn tokens_of(answers: Vec<reqwest::Response>) -> Vec<Tokens> {
    let mut given = Vec::new();
    for response in answers {
        assert!(
            matches!(response.status(), StatusCode::OK | StatusCode::UNAUTHORIZED),
            "{}",
            response.status()
        );
        if response.status() == StatusCode::OK {
            given.push(Tokens::of(response).await);
        }
    }
    given
}

/// An operator's action after which the user has no session and no token.
#[derive(Clone, Copy, Debug)]
enum OperatorAction {
    Disable,
    ChangePassword,
    Delete,
    RevokeTokens,
}

async fn act(app: &TestApp, act: OperatorAction, who: &str) {
    match act {
        OperatorAction::Disable => app.disable(who).await,
        OperatorAction::ChangePassword => app.change_password(who).await,
        OperatorAction::Delete => app.delete_user(who).await,
        OperatorAction::RevokeTokens => drop(app.administration().revoke_tokens(who).await.unwrap().unwrap()),
    }
}

#[tokio::test]
async fn a_login_or_refresh_that_races_an_operator_gives_no_live_token() {
    for app in both().await {
        for round in 0..9 {
            let what =
                [OperatorAction::Disable, OperatorAction::ChangePassword, OperatorAction::Delete][round % 3];
            let name = format!("user {round} x");
            let id: Uuid = app.register(&name).await["id"].as_str().unwrap().parse().unwrap();
            let first = app.login(&name).await;
            let logins = join_all((0..6).map(|_| app.try_login(&name, PASSWORD)));
            let refreshes = join_all((0..4).map(|_| app.try_refresh(&first.refresh)));
            let (logins, refreshes, ()) = tokio::join!(logins, refreshes, act(&app, what, &name));
            let given = tokens_of(logins.into_iter().chain(refreshes).collect()).await;
            for tokens in given.iter().chain([&first]) {
                assert!(!app.is_live(&tokens.access).await, "{what:?}");
                assert!(app.is_refused(&tokens.refresh).await, "{what:?}");
            }
            assert_eq!(live_sessions(&app, id).await, 0, "{what:?}");
            assert_eq!(app.try_login(&name, PASSWORD).await.status(), StatusCode::UNAUTHORIZED, "{what:?}");
        }
    }
}

/// For this action, a login may also succeed afterwards.
#[tokio::test]
async fn a_login_that_races_the_revocation_of_all_tokens_is_before_or_after_it() {
    for app in both().await {
        app.register("alice").await;
        for _ in 0..6 {
            let first = app.login("alice").await;
            let logins = join_all((0..6).map(|_| app.try_login("alice", PASSWORD)));
            let (answers, ()) = tokio::join!(logins, act(&app, OperatorAction::RevokeTokens, "alice"));
            assert!(!app.is_live(&first.access).await && app.is_refused(&first.refresh).await);
            for given in tokens_of(answers).await {
                assert_eq!(app.is_live(&given.access).await, !app.is_refused(&given.refresh).await);
            }
        }
    }
}

/// B12, B13: fifty refreshes at once, concurrent with each way to end the session, with and without a replay time.
#[tokio::test]
async fn fifty_refreshes_that_race_a_logout_leave_no_live_token() {
    for replay in [60, 0] {
        let rules = |settings: &mut Settings| {
            settings.tokens.refresh_replay_seconds = replay;
            settings.throttle.enabled = false;
        };
        for app in both_with(rules).await {
            app.register("alice").await;
            for how in 0..5 {
                let first = app.login("alice").await;
                let sid = claims_of(&first.access)["sid"].as_str().unwrap().to_owned();
                let refreshes = join_all((0..50).map(|_| app.try_refresh(&first.refresh)));
                let end = async {
                    let response = match how {
                        0 => app.logout(&first.access).await,
                        1 => app.logout_all(&first.access).await,
                        2 => app.revoke(&[("token", &first.refresh), ("client_id", "first-party")]).await,
                        3 => {
                            let path = format!("/auth/sessions/{sid}");
                            app.request(Method::DELETE, &path)
                                .bearer_auth(&first.access)
                                .send()
                                .await
                                .unwrap()
                        }
                        _ => return act(&app, OperatorAction::RevokeTokens, "alice").await,
                    };
                    // Without a replay time the session may have ended first, and its tokens with it.
                    let known =
                        response.status().is_success() || replay == 0 && response.status().as_u16() == 401;
                    assert!(known || replay == 0 && how == 3 && response.status().as_u16() == 404);
                };
                let (answers, ()) = tokio::join!(refreshes, end);
                let given = tokens_of(answers).await;
                let children: HashSet<&str> = given.iter().map(|tokens| &*tokens.refresh).collect();
                assert!(children.len() <= 1, "way {how}: {}", children.len());
                assert!(replay > 0 || given.len() <= 1, "way {how}: {}", given.len());
                for tokens in given.iter().chain([&first]) {
                    assert!(!app.is_live(&tokens.access).await, "way {how}");
                    assert!(app.is_refused(&tokens.refresh).await, "way {how}");
                }
                let sid = sid.parse().unwrap();
                let rows = app.database.read(move |conn| refresh_tokens::count_of_session(conn, sid));
                assert_eq!(rows.await.unwrap(), if given.is_empty() { 1 } else { 2 }, "way {how}");
            }
        }
    }
}

#[tokio::test]
async fn a_refresh_that_races_a_revocation_gives_no_live_token() {
    for app in both().await {
        app.register("alice").await;
        for round in 0..12 {
            let tokens = app.login("alice").await;
            let refreshes = join_all((0..6).map(|_| app.try_refresh(&tokens.refresh)));
            let end = async {
                let response = match round % 3 {
                    0 => app.logout(&tokens.access).await,
                    1 => app.logout_all(&tokens.access).await,
                    _ => app.revoke(&[("token", &tokens.refresh), ("client_id", "first-party")]).await,
                };
                assert!(response.status().is_success(), "{}", response.status());
            };
            let (answers, ()) = tokio::join!(refreshes, end);
            for given in tokens_of(answers).await {
                assert!(!app.is_live(&given.access).await, "round {round}");
                assert!(app.is_refused(&given.refresh).await, "round {round}");
            }
        }
    }
}

#[tokio::test]
async fn a_login_that_races_logout_all_is_before_or_after_the_cut() {
    for app in both().await {
        app.register("alice").await;
        for _ in 0..8 {
            let tokens = app.login("alice").await;
            let logins = join_all((0..6).map(|_| app.try_login("alice", PASSWORD)));
            let (answers, out) = tokio::join!(logins, app.logout_all(&tokens.access));
            assert_eq!(out.status(), StatusCode::NO_CONTENT);
            for given in tokens_of(answers).await {
                // The access token and the refresh token are both valid, or neither is.
                assert_eq!(app.is_live(&given.access).await, !app.is_refused(&given.refresh).await);
            }
        }
    }
}
