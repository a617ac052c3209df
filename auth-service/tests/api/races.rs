//! B13: nothing survives a revocation, whatever it races with.

use auth_service::domain::EndReason;
use auth_service::storage::{sessions, users};
use futures_util::future::join_all;
use reqwest::StatusCode;
use service_kit::database::DatabaseError;
use uuid::Uuid;

use crate::helpers::{PASSWORD, TestApp, Tokens, both};

/// What an operator does: off, and all sessions over, in one transaction.
async fn disable(app: &TestApp, id: Uuid) {
    let done = app.database.write(move |conn| {
        users::lock(conn, id)?;
        users::set_active(conn, id, false, 1)?;
        Ok::<_, DatabaseError>(sessions::end_all_of_user(conn, id, EndReason::Administration, 1)?)
    });
    done.await.unwrap();
}

async fn change_password(app: &TestApp, id: Uuid) {
    let done = app.database.write(move |conn| {
        let locked = users::lock(conn, id)?.unwrap();
        // Another hash is another password; which one does not matter here.
        users::set_password(conn, id, &locked.hash, 1)?;
        Ok::<_, DatabaseError>(sessions::end_all_of_user(conn, id, EndReason::Administration, 1)?)
    });
    done.await.unwrap();
}

async fn live_sessions(app: &TestApp, id: Uuid) -> usize {
    let now_ms = crate::helpers::START_MS;
    let live =
        app.database.read(move |conn| Ok::<_, DatabaseError>(sessions::live_of_user(conn, id, now_ms)?));
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

#[tokio::test]
async fn a_login_that_races_a_disable_gives_nothing_that_lives() {
    for app in both().await {
        for round in 0..5 {
            let name = format!("user {round} x");
            let id: Uuid = app.register(&name).await["id"].as_str().unwrap().parse().unwrap();
            let logins = join_all((0..8).map(|_| app.try_login(&name, PASSWORD)));
            let (answers, ()) = tokio::join!(logins, disable(&app, id));
            for tokens in tokens_of(answers).await {
                assert!(!app.is_live(&tokens.access).await);
                assert!(app.is_refused(&tokens.refresh).await);
            }
            assert_eq!(live_sessions(&app, id).await, 0);
        }
    }
}

#[tokio::test]
async fn a_login_that_races_a_password_change_is_refused_or_ended() {
    for app in both().await {
        for round in 0..5 {
            let name = format!("user {round} x");
            let id: Uuid = app.register(&name).await["id"].as_str().unwrap().parse().unwrap();
            let first = app.login(&name).await;
            let logins = join_all((0..4).map(|_| app.try_login(&name, PASSWORD)));
            let refreshes = join_all((0..4).map(|_| app.try_refresh(&first.refresh)));
            let (_, answers, ()) = tokio::join!(logins, refreshes, change_password(&app, id));
            for tokens in tokens_of(answers).await {
                assert!(!app.is_live(&tokens.access).await);
                assert!(app.is_refused(&tokens.refresh).await);
            }
        }
    }
}

#[tokio::test]
async fn a_refresh_that_races_a_revocation_gives_nothing_that_lives() {
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
async fn a_login_that_races_logout_all_lies_on_one_side_of_the_cut() {
    for app in both().await {
        app.register("alice").await;
        for _ in 0..8 {
            let tokens = app.login("alice").await;
            let logins = join_all((0..6).map(|_| app.try_login("alice", PASSWORD)));
            let (answers, out) = tokio::join!(logins, app.logout_all(&tokens.access));
            assert_eq!(out.status(), StatusCode::NO_CONTENT);
            for given in tokens_of(answers).await {
                // Both halves live, or neither.
                assert_eq!(app.is_live(&given.access).await, !app.is_refused(&given.refresh).await);
            }
        }
    }
}
