//! `POST /auth/password`: a user who is signed in changes the password.

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::helpers::{PASSWORD, TestApp, both, claims_of};

const NEW: &str = "a different horse with other staples";

async fn change(app: &TestApp, access: &str, current: &str, new: &str) -> Response {
    let body = json!({ "current_password": current, "new_password": new });
    app.post("/auth/password").bearer_auth(access).json(&body).send().await.unwrap()
}

#[tokio::test]
async fn the_session_that_asks_stays_and_every_other_one_ends() {
    for app in &both().await {
        app.verified("ada", "ada@example.org").await;
        let (asking, other) = (app.login("ada").await, app.login("ada").await);
        let response = change(app, &asking.access, PASSWORD, NEW).await;
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        assert!(app.is_live(&asking.access).await);
        assert!(!app.is_live(&other.access).await);
        assert!(app.is_refused(&other.refresh).await);
        app.refresh(&asking.refresh).await;
        assert_eq!(app.login_status("ada", PASSWORD).await, StatusCode::UNAUTHORIZED);
        assert_eq!(app.login_status("ada", NEW).await, StatusCode::OK);
        let mails = app.mails_to("ada@example.org").await;
        let notice = mails.last().unwrap();
        assert!(notice.link().is_none() && notice.text.contains("ada"), "{notice:?}");
        let rows = app.audit_rows().await;
        let changed = rows.iter().find(|row| row.kind == "user.password_changed").unwrap();
        assert_eq!((changed.reason.as_deref(), changed.actor.as_str()), (Some("by_user"), "caller"));
        assert_eq!(changed.session_id.as_deref(), claims_of(&asking.access)["sid"].as_str());
    }
}

/// More sessions than one transaction ends.
#[tokio::test]
async fn many_sessions_end_with_the_old_password() {
    for app in &both().await {
        app.register("ada").await;
        let (asking, other) = (app.login("ada").await, app.login("ada").await);
        app.add_sessions(&other, 450).await;
        assert_eq!(change(app, &asking.access, PASSWORD, NEW).await.status(), StatusCode::NO_CONTENT);
        let left = app.all_sessions(&asking.access).await;
        assert_eq!(left.len(), 1);
        assert_eq!(left[0]["current"], true);
        let ended = app.audit_rows().await;
        let ended = ended.iter().filter(|row| row.reason.as_deref() == Some("password_changed")).count();
        assert!(ended > 0);
    }
}

#[tokio::test]
async fn a_wrong_or_weak_password_changes_nothing() {
    for app in &both().await {
        app.register("ada").await;
        let (asking, other) = (app.login("ada").await, app.login("ada").await);
        let huge = "x".repeat(1 << 20);
        for (current, new, field) in [
            ("not the password of it", NEW, "current_password"),
            ("", NEW, "current_password"),
            (huge.as_str(), NEW, "current_password"),
            (PASSWORD, "short", "new_password"),
            (PASSWORD, "passwordpassword", "new_password"),
            (PASSWORD, huge.as_str(), "new_password"),
        ] {
            let response = change(app, &asking.access, current, new).await;
            assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY, "{current:.20} {new:.20}");
            let body: Value = response.json().await.unwrap();
            assert_eq!(body["errors"][0]["field"], field, "{current:.20} {new:.20}");
        }
        let refused = app.audit_rows().await;
        let refused = refused.iter().filter(|row| row.reason.as_deref() == Some("wrong_password")).count();
        assert_eq!(refused, 2, "each counts as a failed login");
        assert!(app.is_live(&other.access).await);
        assert_eq!(app.login_status("ada", PASSWORD).await, StatusCode::OK);
        assert_eq!(change(app, "nonsense", PASSWORD, NEW).await.status(), StatusCode::UNAUTHORIZED);
        let cookie = format!("__Host-access_token={}", asking.access);
        let body = json!({ "current_password": PASSWORD, "new_password": NEW });
        let foreign = app.post("/auth/password").header("Cookie", cookie).json(&body);
        let foreign = foreign.header("Origin", "https://evil.example").send().await.unwrap();
        assert_eq!(foreign.status(), StatusCode::FORBIDDEN);
    }
}

/// B25: a pending address falls with the password.
#[tokio::test]
async fn a_pending_address_falls() {
    for app in &both().await {
        app.verified("ada", "ada@example.org").await;
        let access = app.login("ada").await.access;
        let body = json!({ "email": "new@example.org", "password": PASSWORD });
        let asked = app.post("/auth/email").bearer_auth(&access).json(&body).send().await.unwrap();
        assert_eq!(asked.status(), StatusCode::ACCEPTED);
        let token = app.last_token("new@example.org").await;
        assert_eq!(change(app, &access, PASSWORD, NEW).await.status(), StatusCode::NO_CONTENT);
        assert_eq!(app.verify(&token, NEW).await, StatusCode::BAD_REQUEST);
        assert_eq!(app.user_of(&access).await["email"], "ada@example.org");
    }
}

/// Two changes with the same current password: the second one comes too late.
#[tokio::test]
async fn of_parallel_changes_one_wins() {
    for app in &both().await {
        app.register("ada").await;
        let access = app.login("ada").await.access;
        let passwords: Vec<_> = (0..8).map(|number| format!("{NEW} {number}")).collect();
        let changes = passwords.iter().map(|new| change(app, &access, PASSWORD, new));
        let done = futures_util::future::join_all(changes).await;
        let won: Vec<_> = (0..8).filter(|number| done[*number].status() == StatusCode::NO_CONTENT).collect();
        assert_eq!(won.len(), 1);
        assert_eq!(app.login_status("ada", &passwords[won[0]]).await, StatusCode::OK);
    }
}
