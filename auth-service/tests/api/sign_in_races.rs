//! The end of a browser session, while a code is being given in it or redeemed.

use std::sync::Mutex;
use std::time::Duration;

use auth_service::domain::{Client, EndReason, PasswordHash};
use auth_service::storage::{browser_sessions, users};
use diesel::prelude::*;
use reqwest::StatusCode;
use serde_json::Value;
use service_kit::database::{Backend, DatabaseError, DbConnection};
use shared_claims::testing::eventually;
use uuid::Uuid;

use crate::helpers::clients::{basic, client, secret_of};
use crate::helpers::codes::{VERIFIER, id_of};
use crate::helpers::person::{Person, request};
use crate::helpers::sign_in::redeem;
use crate::helpers::{START_MS, TestApp, both};

const PATIENCE: Duration = Duration::from_secs(20);

async fn post_token(app: &TestApp, form: &[(&str, &str)]) -> (StatusCode, Value) {
    let request = app.client.post(format!("{}/oauth2/token", app.url)).form(form);
    let response = request.header("Authorization", basic("web1", &secret_of("web1"))).send().await.unwrap();
    (response.status(), response.json().await.unwrap())
}

#[tokio::test]
async fn a_code_that_is_redeemed_during_the_sign_out_gives_nothing_that_lives() {
    for app in both().await {
        app.register("ada").await;
        app.add_client(Client { is_first_party: true, ..client("web1") }).await;
        let (mut redeemed, mut refused) = (0, 0);
        for round in 0..24 {
            let mut ada = Person::new(&app);
            let form = ada.authorize(&[]).await;
            let code = ada.sign_in(&form, "ada").await.code();
            let exchange = [
                ("grant_type", "authorization_code"),
                ("code", code.as_str()),
                ("redirect_uri", "https://app.example/cb"),
                ("code_verifier", VERIFIER),
            ];
            let redeem = async {
                // Half of them a little later, so that both orders happen.
                if round % 2 == 0 {
                    tokio::task::yield_now().await;
                }
                post_token(&app, &exchange).await
            };
            let ((status, tokens), signed_out) = tokio::join!(redeem, ada.post("/logout", &[]));
            assert_eq!(signed_out.status, StatusCode::SEE_OTHER);
            if status != StatusCode::OK {
                assert_eq!(tokens["error"], "invalid_grant");
                refused += 1;
                continue;
            }
            redeemed += 1;
            let refresh = [
                ("grant_type", "refresh_token"),
                ("refresh_token", tokens["refresh_token"].as_str().unwrap()),
            ];
            let (status, answer) = post_token(&app, &refresh).await;
            assert_eq!((status, &answer["error"]), (StatusCode::BAD_REQUEST, &"invalid_grant".into()));
            let userinfo = app.client.get(format!("{}/oauth2/userinfo", app.url));
            let userinfo =
                userinfo.bearer_auth(tokens["access_token"].as_str().unwrap()).send().await.unwrap();
            assert_eq!(userinfo.status(), StatusCode::UNAUTHORIZED);
        }
        assert_eq!(redeemed + refused, 24);
    }
}

/// A request for a code that races the sign-out: whichever is first, no code is left that gives tokens.
#[tokio::test]
async fn a_code_that_is_given_during_the_sign_out_gives_nothing() {
    for app in both().await {
        app.register("ada").await;
        app.add_client(Client { is_first_party: true, ..client("web1") }).await;
        for round in 0..24 {
            let mut ada = Person::new(&app);
            ada.sign_in_bare("ada").await;
            let mut other_tab = ada.copy();
            let ask = async {
                if round % 2 == 0 {
                    tokio::task::yield_now().await;
                }
                other_tab.open(&format!("/oauth2/authorize?{}", request(&[]))).await
            };
            let (answer, signed_out) = tokio::join!(ask, ada.post("/logout", &[]));
            assert_eq!(signed_out.status, StatusCode::SEE_OTHER);
            if answer.location.as_deref().is_some_and(|location| location.starts_with("/login?request=")) {
                continue;
            }
            let (status, refused) = redeem(&app, "web1", &answer.code()).await;
            assert_eq!((status, &refused["error"]), (StatusCode::BAD_REQUEST, &"invalid_grant".into()));
        }
    }
}

/// A request that waited for the lock of the user must see what was changed during the wait.
#[tokio::test]
async fn a_request_that_waited_for_a_change_sees_it() {
    type Change = fn(&mut DbConnection, Uuid) -> Result<(), DatabaseError>;
    let end: Change = |conn, user_id| {
        browser_sessions::end_all_of_user(conn, user_id, EndReason::Logout, START_MS).map(drop)
    };
    let change_password: Change = |conn, user_id| {
        let hash = PasswordHash { scheme: "none".to_owned(), value: "none".to_owned() };
        users::set_password(conn, user_id, &hash, START_MS)
    };
    let disable: Change = |conn, user_id| users::set_active(conn, user_id, false, START_MS);
    for app in both().await {
        for (number, change) in [end, change_password, disable].into_iter().enumerate() {
            let name = format!("ada{number}");
            let user_id = id_of(&app.register(&name).await);
            if number == 0 {
                app.add_client(Client { is_first_party: true, ..client("web1") }).await;
            }
            let mut ada = Person::new(&app);
            ada.sign_in_bare(&name).await;
            assert!(!ada.authorize(&[]).await.code().is_empty());
            let (locked, is_locked) = tokio::sync::oneshot::channel();
            let (go_on, may_go_on) = std::sync::mpsc::channel::<()>();
            let (database, locked) = (app.database.clone(), Mutex::new(Some(locked)));
            let changing = tokio::spawn(async move {
                let work = move |conn: &mut DbConnection| {
                    users::lock(conn, user_id)?;
                    change(conn, user_id)?;
                    locked.lock().unwrap().take().unwrap().send(()).unwrap();
                    may_go_on.recv_timeout(PATIENCE).unwrap();
                    Ok::<_, DatabaseError>(())
                };
                database.write_once(work).await.unwrap();
            });
            is_locked.await.unwrap();
            let ask = async { ada.open(&format!("/oauth2/authorize?{}", request(&[]))).await };
            let let_go = async {
                // SQLite shows no waiters. There the request cannot even begin its transaction.
                if app.database.backend() == Backend::Postgres {
                    eventually("the request waits for the lock", PATIENCE, async || waiters(&app).await > 0)
                        .await;
                }
                go_on.send(()).unwrap();
                changing.await.unwrap();
            };
            let (answer, ()) = tokio::join!(ask, let_go);
            let location = answer.location.unwrap();
            assert!(location.starts_with("/login?request="), "change {number}: {location}");
        }
    }
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    count: i64,
}

/// How many transactions of this database wait for a lock.
async fn waiters(app: &TestApp) -> i64 {
    let waiting = "SELECT count(*) AS count FROM pg_stat_activity \
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let counted = app.database.read(move |conn| {
        Ok::<_, DatabaseError>(diesel::sql_query(waiting).get_result::<Count>(conn)?.count)
    });
    counted.await.unwrap()
}
