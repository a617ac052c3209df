//! `grant_type=password`: only for clients that have it, and with the same response to every failed login (B1).

use auth_service::domain::Session;
use auth_service::storage::{clients, sessions, users};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use service_kit::database::DatabaseError;

use crate::helpers::clients::{client, public_client, refusal};
use crate::helpers::codes::id_of;
use crate::helpers::{PASSWORD, START_MS, TestApp, Tokens, both, claims_of};

async fn log_in(app: &TestApp, username: &str, password: &str) -> Response {
    app.grant_to("billing", &[("grant_type", "password"), ("username", username), ("password", password)])
        .await
}

#[tokio::test]
async fn a_login_starts_a_session_of_the_client() {
    for app in both().await {
        app.add_client(client("billing")).await;
        app.add_client(public_client("spa")).await;
        let alice = app.register("alice").await;
        let tokens = Tokens::of(log_in(&app, "Alice", PASSWORD).await).await;
        let claims = claims_of(&tokens.access);
        assert_eq!((&claims["sub"], &claims["client_id"]), (&alice["id"], &json!("billing")));
        assert_eq!(claims["scope"], "openid todos:read todos:write", "all that the client may have");
        let form = [
            ("grant_type", "password"),
            ("username", "alice"),
            ("password", PASSWORD),
            ("scope", "todos:read"),
            ("resource", "https://notes.example"),
        ];
        let narrow = Tokens::of(app.grant_to_public("spa", &form).await).await;
        let claims = claims_of(&narrow.access);
        assert_eq!(
            (&claims["scope"], &claims["aud"]),
            (&json!("todos:read"), &json!(["https://notes.example"]))
        );
        // B21: the token does not control the account, although the issuer is in the audience of the first one.
        assert_eq!(app.me(&tokens.access).await.status(), StatusCode::UNAUTHORIZED);
        let own = app.login("alice").await;
        let list = app.get("/auth/sessions").bearer_auth(&own.access).send().await.unwrap();
        let list: Vec<Value> = list.json().await.unwrap();
        let mut clients: Vec<_> = list.iter().map(|session| session["client_id"].as_str().unwrap()).collect();
        clients.sort_unstable();
        assert_eq!(clients, ["billing", "first-party", "spa"], "the user sees the sessions and can end them");
        let events = app.audit_rows().await;
        let logins = events.iter().filter(|event| event.kind == "login.ok");
        let by: Vec<_> = logins.filter_map(|event| event.client_id.as_deref()).collect();
        assert!(by.contains(&"billing") && by.contains(&"spa"), "{by:?}");
    }
}

#[tokio::test]
async fn every_failed_login_gets_the_same_response_and_costs_a_hash() {
    for app in both().await {
        app.add_client(client("billing")).await;
        app.register("alice").await;
        let off = id_of(&app.register("disabled").await);
        let switched_off = app.database.write(move |conn| {
            users::lock(conn, off)?;
            users::set_active(conn, off, false, 1)
        });
        switched_off.await.unwrap();
        let mut answers = Vec::new();
        for (name, password) in [
            ("alice", "wrong password of some length"),
            ("nobody", PASSWORD),
            ("disabled", PASSWORD),
            ("a\u{200b}b", PASSWORD),
            ("alice\u{0}", PASSWORD),
        ] {
            let before = app.metric("latchkey_password_hashes_total").await;
            let response = log_in(&app, name, password).await;
            assert_eq!(response.status(), StatusCode::BAD_REQUEST);
            assert!(!response.headers().contains_key("www-authenticate"));
            answers.push(response.text().await.unwrap());
            assert_eq!(app.metric("latchkey_password_hashes_total").await, before + 1, "{name}");
        }
        assert!(answers[0].contains("\"error\":\"invalid_grant\""));
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
        assert!(app.facts().await.is_empty());
    }
}

#[tokio::test]
async fn a_request_that_exceeds_the_grant_costs_no_hash() {
    for app in both().await {
        app.add_client(client("billing")).await;
        app.register("alice").await;
        let before = app.metric("latchkey_password_hashes_total").await;
        let (username, password) = (("username", "alice"), ("password", PASSWORD));
        for (form, error) in [
            (vec![username], "invalid_request"),
            (vec![password], "invalid_request"),
            (vec![username, password, ("scope", "admin")], "invalid_scope"),
            (vec![username, password, ("resource", "https://evil.example")], "invalid_target"),
        ] {
            let form = [&[("grant_type", "password")], &*form].concat();
            let response = app.grant_to("billing", &form).await;
            assert_eq!(refusal(response).await, (400, error.to_owned()), "{form:?}");
        }
        assert_eq!(app.metric("latchkey_password_hashes_total").await, before);
    }
}

/// B13: a login in progress while its client is being disabled leaves no live session.
#[tokio::test]
async fn a_login_that_races_the_end_of_the_client_gives_no_live_token() {
    for app in both().await {
        app.add_client(client("billing")).await;
        let alice = id_of(&app.register("alice").await);
        for delay_ms in [0, 2, 5, 10] {
            let logins = futures_util::future::join_all((0..8).map(|_| log_in(&app, "alice", PASSWORD)));
            let off = async {
                tokio::time::sleep(std::time::Duration::from_millis(delay_ms)).await;
                app.disable_client("billing").await;
            };
            let (answers, ()) = tokio::join!(logins, off);
            for answer in answers {
                let status = answer.status().as_u16();
                assert!(matches!(status, 200 | 401), "{status}");
            }
            assert_eq!(live_sessions(&app, alice).await, 0);
            app.change_client("billing", |client| client.is_active = true).await;
        }
    }
}

/// The reason for that: a transaction that begins a session locks the client's row until it commits, and a
/// transaction that disables the client waits for the lock.
#[tokio::test]
async fn ending_a_client_waits_for_a_login_in_progress() {
    for app in both().await {
        app.add_client(client("billing")).await;
        let alice = id_of(&app.register("alice").await);
        let (began, has_begun) = std::sync::mpsc::channel();
        let (go_on, may_go_on) = std::sync::mpsc::channel();
        let session = Session {
            browser_session_id: None,
            userinfo_claims: std::collections::BTreeSet::new(),
            id: uuid::Uuid::from_u128(7),
            user_id: alice,
            client_id: "billing".to_owned(),
            scope: shared_claims::scope::Scopes::default(),
            audience: Vec::new(),
            amr: Vec::new(),
            auth_time_s: 0,
            created_at_ms: START_MS,
            last_used_at_ms: START_MS,
            expires_at_ms: i64::MAX,
            idle_expires_at_ms: i64::MAX,
            ended_at_ms: None,
            user_agent: None,
            address: None,
            access_expires_at_s: 0,
        };
        let database = app.database.clone();
        let login = tokio::spawn(async move {
            let inserted = database.write(move |conn| {
                users::lock(conn, alice)?;
                assert!(clients::lock(conn, "billing")?.unwrap().is_active);
                began.send(()).unwrap();
                may_go_on.recv().unwrap();
                sessions::insert(conn, &session)
            });
            inserted.await.unwrap();
        });
        tokio::task::spawn_blocking(move || has_begun.recv().unwrap()).await.unwrap();
        {
            let end = app.disable_client("billing");
            tokio::pin!(end);
            let early = tokio::time::timeout(std::time::Duration::from_millis(1200), &mut end).await;
            assert!(early.is_err(), "disabling did not wait for the login");
            go_on.send(()).unwrap();
            login.await.unwrap();
            end.await;
        }
        assert_eq!(live_sessions(&app, alice).await, 0);
    }
}

async fn live_sessions(app: &TestApp, user: uuid::Uuid) -> usize {
    let live = app.database.read(move |conn| {
        Ok::<_, DatabaseError>(sessions::some_of_user(conn, user, START_MS, None, 1000)?.len())
    });
    live.await.unwrap()
}
