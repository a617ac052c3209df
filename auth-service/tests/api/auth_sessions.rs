use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::helpers::{TestApp, both, claims_of};

async fn list(app: &TestApp, token: &str) -> Vec<Value> {
    let response = app.get("/auth/sessions").bearer_auth(token).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    response.json().await.unwrap()
}

async fn delete(app: &TestApp, token: &str, sid: &str) -> StatusCode {
    let path = format!("/auth/sessions/{sid}");
    app.request(Method::DELETE, &path).bearer_auth(token).send().await.unwrap().status()
}

#[tokio::test]
async fn a_user_sees_the_own_sessions() {
    for app in both().await {
        app.user("bob").await;
        let phone = app.user("alice").await;
        app.clock.advance_ms(5_000);
        let form = [("username", "alice"), ("password", crate::helpers::PASSWORD)];
        let laptop = app
            .post("/auth/token")
            .header("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0")
            .form(&form)
            .send()
            .await
            .unwrap();
        let laptop = crate::helpers::Tokens::of(laptop).await;
        let sessions = list(&app, &laptop.access).await;
        insta::assert_json_snapshot!("sessions", sessions);
        app.clock.advance_ms(60_000);
        app.refresh(&phone.refresh).await;
        let sessions = list(&app, &laptop.access).await;
        assert_eq!(sessions[0]["id"], claims_of(&phone.access)["sid"], "last used first");
        assert_eq!(sessions[0]["current"], false);
    }
}

#[tokio::test]
async fn a_user_ends_one_of_the_own_sessions_and_no_other() {
    for app in both().await {
        let bob = app.user("bob").await;
        let (one, two) = (app.user("alice").await, app.login("alice").await);
        let sid = |token: &str| claims_of(token)["sid"].as_str().unwrap().to_owned();
        assert_eq!(delete(&app, &one.access, &sid(&bob.access)).await, StatusCode::NOT_FOUND);
        for sid in ["x", "00000000-0000-7000-8000-000000000000", "%00", "..%2f", "'"] {
            assert_eq!(delete(&app, &one.access, sid).await, StatusCode::NOT_FOUND, "{sid}");
        }
        assert!(app.is_live(&bob.access).await);
        assert_eq!(delete(&app, &one.access, &sid(&two.access)).await, StatusCode::NO_CONTENT);
        assert!(!app.is_live(&two.access).await);
        assert!(app.is_refused(&two.refresh).await);
        assert_eq!(delete(&app, &one.access, &sid(&two.access)).await, StatusCode::NOT_FOUND);
        assert_eq!(list(&app, &one.access).await.len(), 1);
        assert_eq!(delete(&app, &one.access, &sid(&one.access)).await, StatusCode::NO_CONTENT);
        assert!(!app.is_live(&one.access).await);
        assert_eq!(delete(&app, &one.access, &sid(&one.access)).await, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn a_user_ends_all_other_sessions() {
    for app in both().await {
        let bob = app.user("bob").await;
        let kept = app.user("alice").await;
        let others = [app.login("alice").await, app.login("alice").await];
        let sid = |token: &str| claims_of(token)["sid"].clone();
        for _ in 0..2 {
            let answer = app.request(Method::DELETE, "/auth/sessions").bearer_auth(&kept.access).send().await;
            assert_eq!(answer.unwrap().status(), StatusCode::NO_CONTENT);
        }
        for other in &others {
            assert!(!app.is_live(&other.access).await && app.is_refused(&other.refresh).await);
        }
        assert!(app.is_live(&kept.access).await && app.is_live(&bob.access).await);
        app.refresh(&kept.refresh).await;
        let sessions = list(&app, &kept.access).await;
        assert_eq!((sessions.len(), &sessions[0]["id"]), (1, &sid(&kept.access)));
        let facts: Vec<_> = app.facts().await.into_iter().map(|fact| fact["id"].clone()).collect();
        assert_eq!(facts.len(), 2, "one a session, and once");
        assert!(others.iter().all(|other| facts.contains(&sid(&other.access))));
        let stranger = app.request(Method::DELETE, "/auth/sessions").send().await.unwrap();
        assert_eq!(stranger.status(), StatusCode::UNAUTHORIZED);
    }
}
