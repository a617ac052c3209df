//! Tests that every security event is recorded: who did what, from where, and with which request.

use std::time::Duration;

use auth_service::domain::Initiator;
use auth_service::domain::signing_key::RotationStart;
use auth_service::storage::audit::AuditRow;
use diesel::connection::SimpleConnection as _;
use reqwest::StatusCode;
use service_kit::database::{DatabaseError, DbConnection};
use shared_claims::clock::{Clock as _, SystemClock};

use crate::helpers::{PASSWORD, TestApp, both, claims_of};

/// Runs `work` a millisecond later than everything before. Returns the audit events that it added.
async fn recorded(app: &TestApp, work: impl Future<Output = ()>) -> Vec<AuditRow> {
    app.clock.advance_ms(1);
    let before = app.audit_rows().await.len();
    work.await;
    app.audit_rows().await.split_off(before)
}

/// Runs `work`, which must add exactly one event, and returns that event.
async fn event_of(app: &TestApp, work: impl Future<Output = ()>) -> AuditRow {
    let mut rows = recorded(app, work).await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows.remove(0)
}

#[tokio::test]
async fn actions_of_a_user_are_recorded_with_request_id_and_device() {
    for app in both().await {
        let registered = event_of(&app, async { drop(app.register("alice").await) }).await;
        assert_eq!((registered.kind.as_str(), registered.actor.as_str()), ("user.registered", "caller"));
        let user_id = registered.user_id.clone();
        assert!(user_id.is_some());

        let form = [("username", "alice"), ("password", PASSWORD)];
        let mut sid = String::new();
        let login = event_of(&app, async {
            let request = app.post("/auth/token").header("User-Agent", "a browser").form(&form);
            let response = request.header("X-Request-Id", "request-1").send().await.unwrap();
            let tokens = crate::helpers::Tokens::of(response).await;
            sid = claims_of(&tokens.access)["sid"].as_str().unwrap().to_owned();
        })
        .await;
        assert_eq!(login.kind, "login.ok");
        assert_eq!(login.user_id, user_id);
        assert_eq!(login.client_id.as_deref(), Some("first-party"));
        assert_eq!(login.session_id.as_deref(), Some(sid.as_str()));
        assert_eq!(login.address.as_deref(), Some("127.0.0.1"));
        assert_eq!(login.user_agent.as_deref(), Some("a browser"));
        let recorded = login.request_id.expect("the service made a request id");
        assert_ne!(recorded, "request-1", "the caller's own request id is not recorded");

        let tokens = app.login("alice").await;
        let logout = event_of(&app, async { drop(app.logout(&tokens.access).await) }).await;
        assert_eq!((logout.kind.as_str(), logout.reason.as_deref()), ("session.ended", Some("logout")));
        assert_eq!(logout.user_id, user_id);

        let all = app.login("alice").await;
        let ended = event_of(&app, async { drop(app.logout_all(&all.access).await) }).await;
        assert_eq!((ended.kind.as_str(), &ended.user_id), ("session.all_ended", &user_id));
    }
}

#[tokio::test]
async fn a_refused_login_is_recorded_without_the_username() {
    for app in both().await {
        let id = app.register("alice").await["id"].as_str().unwrap().to_owned();
        let wrong = event_of(&app, async { drop(app.try_login("alice", "another password").await) }).await;
        assert_eq!((wrong.kind.as_str(), wrong.reason.as_deref()), ("login.refused", Some("wrong_password")));
        assert_eq!(wrong.user_id, Some(id));
        for name in ["nobody-of-that-name", "my secret in the wrong field!"] {
            let unknown = event_of(&app, async { drop(app.try_login(name, PASSWORD).await) }).await;
            assert_eq!(unknown.reason.as_deref(), Some("unknown_user"));
            assert_eq!((&unknown.user_id, &unknown.subject), (&None, &None));
            assert!(!format!("{unknown:?}").contains(name));
        }
    }
}

#[tokio::test]
async fn reuse_and_revocation_are_recorded_and_a_refresh_is_not() {
    for app in both().await {
        let first = app.user("alice").await;
        app.clock.advance_ms(1000);
        let mut second = None;
        let quiet = recorded(&app, async { second = Some(app.refresh(&first.refresh).await) }).await;
        assert_eq!(quiet, []);
        app.refresh(&second.unwrap().refresh).await;
        let reuse = event_of(&app, async { assert!(app.is_refused(&first.refresh).await) }).await;
        assert_eq!((reuse.kind.as_str(), reuse.reason.as_deref()), ("refresh.reused", Some("reuse")));
        assert_eq!(reuse.session_id.as_deref(), claims_of(&first.access)["sid"].as_str());
        // The session has ended already.
        assert_eq!(recorded(&app, async { assert!(app.is_refused(&first.refresh).await) }).await, []);

        let tokens = app.login("alice").await;
        let revoke = async |token: &str| {
            let response = app.revoke(&[("token", token), ("client_id", "first-party")]).await;
            assert_eq!(response.status(), StatusCode::OK);
        };
        let access = event_of(&app, revoke(&tokens.access)).await;
        assert_eq!(access.kind, "token.revoked");
        assert_eq!(access.subject.as_deref(), claims_of(&tokens.access)["jti"].as_str());
        let refresh = event_of(&app, revoke(&tokens.refresh)).await;
        assert_eq!((refresh.kind.as_str(), refresh.reason.as_deref()), ("session.ended", Some("revoked")));
        assert_eq!(recorded(&app, revoke(&tokens.refresh)).await, []);
    }
}

#[tokio::test]
async fn a_change_of_keys_is_recorded_in_the_same_transaction() {
    for app in both().await {
        let first = app.audit_rows().await;
        assert_eq!((first.len(), first[0].kind.as_str()), (1, "key.generated"));
        assert_eq!((first[0].actor.as_str(), first[0].reason.as_deref()), ("system", Some("active")));
        let active = app.kids("active").await.remove(0);
        assert_eq!(first[0].subject, Some(active.clone()));

        let by_hand = app.rotation().caused_by(Initiator::operator());
        let mut rows = recorded(&app, async { by_hand.rotate(RotationStart::AtOnce).await.unwrap() }).await;
        rows.sort_by(|one, other| one.kind.cmp(&other.kind));
        let kinds: Vec<_> = rows.iter().map(|row| (row.kind.as_str(), row.actor.as_str())).collect();
        assert_eq!(kinds, [("key.generated", "operator"), ("key.rotated", "operator")]);
        assert_eq!(rows[1].subject, Some(app.kids("active").await.remove(0)));

        let dropped = recorded(&app, async {
            by_hand.revoke_compromised(active.clone()).await.unwrap();
        });
        let dropped = dropped.await;
        let compromised: Vec<_> = dropped.iter().filter(|row| row.kind == "key.compromised").collect();
        assert_eq!(compromised.len(), 1);
        assert_eq!(compromised[0].subject, Some(active));
    }
}

/// If a change is rolled back, so is its audit event.
#[tokio::test]
async fn a_failed_change_leaves_no_audit_event() {
    for app in both().await {
        app.register("alice").await;
        let taken = recorded(&app, async {
            let body = serde_json::json!({ "username": "alice", "password": PASSWORD });
            assert_eq!(app.register_with(&body).await.status(), StatusCode::BAD_REQUEST);
        });
        assert_eq!(taken.await, []);
        let unknown = recorded(&app, async {
            app.rotation().revoke_compromised("unknown".to_owned()).await.unwrap_err();
        });
        assert_eq!(unknown.await, []);
    }
}

/// A caller that keeps the table busy does not delay the response to a failed login, and the time of the response
/// does not tell whether a user exists.
#[tokio::test]
async fn a_refused_login_does_not_wait_for_its_audit_event() {
    for app in both().await {
        app.register("alice").await;
        let before = app.audit_rows().await.len();
        let (locked, is_locked) = tokio::sync::oneshot::channel();
        let (release, released) = std::sync::mpsc::channel::<()>();
        let database = app.database.clone();
        let holder = tokio::spawn(async move {
            let holding = database.write_once(move |conn| {
                if let DbConnection::Postgres(conn) = conn {
                    conn.batch_execute("LOCK TABLE audit_events IN SHARE MODE")?;
                }
                locked.send(()).unwrap();
                released.recv().unwrap();
                Ok::<_, DatabaseError>(())
            });
            holding.await.unwrap();
        });
        is_locked.await.unwrap();
        let mut answers = Vec::new();
        for name in ["alice", "nobody"] {
            let began_ms = SystemClock.now_ms();
            let refused = app.try_login(name, "another password").await;
            let status = refused.status();
            let body = refused.text().await.unwrap();
            // The task that writes the event waits for the lock for up to five seconds.
            assert!(SystemClock.now_ms() - began_ms < 2500, "{name}");
            answers.push((status, body));
        }
        assert_eq!(answers[0], answers[1]);
        assert_eq!(answers[0].0, StatusCode::UNAUTHORIZED);
        release.send(()).unwrap();
        holder.await.unwrap();
        // The event was written after the response.
        let written = async {
            while app.audit_rows().await.len() < before + 2 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), written).await.unwrap();
    }
}

/// A refusal is answered even if its event cannot be written. A change is not made without its event.
#[tokio::test]
async fn without_the_audit_table_logins_fail_and_refusals_are_unchanged() {
    for app in both().await {
        app.register("alice").await;
        let dropped =
            app.database.write(|conn| Ok::<_, DatabaseError>(conn.batch_execute("DROP TABLE audit_events")?));
        dropped.await.unwrap();
        for name in ["alice", "nobody"] {
            let refused = app.try_login(name, "another password").await;
            assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
        }
        assert_eq!(app.try_login("alice", PASSWORD).await.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
