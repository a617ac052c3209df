use reqwest::StatusCode;
use reqwest::header::{CACHE_CONTROL, WWW_AUTHENTICATE};
use serde_json::Value;

use crate::helpers::{START_MS, both, claims_of};

const CLIENT: (&str, &str) = ("client_id", "first-party");

#[tokio::test]
async fn an_access_token_dies_alone() {
    for app in both().await {
        let first = app.user("alice").await;
        let second = app.refresh(&first.refresh).await;
        let form = [("token", &*first.access), ("token_type_hint", "refresh_token"), CLIENT];
        let response = app.revoke(&form).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
        assert!(!app.is_live(&first.access).await);
        assert!(app.is_live(&second.access).await);
        let third = app.refresh(&second.refresh).await;
        assert!(app.is_live(&third.access).await);
        let facts = app.facts().await;
        assert_eq!(facts.len(), 1);
        assert_eq!((&facts[0]["kind"], &facts[0]["id"]), (&"jti".into(), &claims_of(&first.access)["jti"]));
        assert_eq!(facts[0]["exp"], START_MS / 1000 + 900 + 60);
        assert_eq!(app.revoke(&form).await.status(), StatusCode::OK, "again, without effect");
        assert_eq!(app.facts().await.len(), 1);
    }
}

#[tokio::test]
async fn a_refresh_token_dies_with_its_session() {
    for app in both().await {
        let first = app.user("alice").await;
        let other = app.login("alice").await;
        let second = app.refresh(&first.refresh).await;
        let form = [("token", &*second.refresh), ("token_type_hint", "access_token"), CLIENT];
        assert_eq!(app.revoke(&form).await.status(), StatusCode::OK);
        for tokens in [&first, &second] {
            assert!(!app.is_live(&tokens.access).await);
            assert!(app.is_refused(&tokens.refresh).await);
        }
        assert!(app.is_live(&other.access).await);
    }
}

/// B14
#[tokio::test]
async fn an_unknown_token_is_200_without_effect() {
    for app in both().await {
        let tokens = app.user("alice").await;
        let unknown = format!("lkr_{}", "A".repeat(86));
        let (body, _) = tokens.access.rsplit_once('.').unwrap();
        let unsigned = format!("{body}.AAAA");
        for token in ["x", &unknown, "a.b.c", &unsigned, "\u{0}", "' OR 1=1 --"] {
            let response = app.revoke(&[("token", token), CLIENT, ("token_type_hint", "nonsense")]).await;
            assert_eq!(response.status(), StatusCode::OK, "{token:?}");
            assert_eq!(response.text().await.unwrap(), "");
        }
        assert!(app.facts().await.is_empty());
        assert!(app.is_live(&tokens.access).await);
        app.clock.advance_ms(950_000);
        let response = app.revoke(&[("token", &tokens.access), CLIENT]).await;
        assert_eq!(response.status(), StatusCode::OK, "an expired one");
        assert!(app.facts().await.is_empty());
    }
}

#[tokio::test]
async fn the_client_says_who_it_is() {
    for app in both().await {
        let tokens = app.user("alice").await;
        let token = ("token", &*tokens.access);
        for form in [
            &[token][..],
            &[token, ("client_id", "")],
            &[token, ("client_id", "stranger")],
            &[token, ("client_id", "First-Party")],
            &[token, CLIENT, ("client_secret", "guess")],
        ] {
            let response = app.revoke(form).await;
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{form:?}");
            let body: Value = response.json().await.unwrap();
            assert_eq!(body["error"], "invalid_client");
        }
        let basic = |id: &str, secret: &str, form: &[(&str, &str)]| {
            app.post("/oauth2/revoke").basic_auth(id, Some(secret)).form(form).send()
        };
        let response = basic("stranger", "x", &[token]).await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert!(response.headers()[WWW_AUTHENTICATE].to_str().unwrap().starts_with("Basic"));
        assert_eq!(basic("first-party", "", &[token, ("client_id", "other")]).await.unwrap().status(), 400);
        assert!(app.is_live(&tokens.access).await);
        assert_eq!(basic("first-party", "", &[token]).await.unwrap().status(), StatusCode::OK);
        assert!(!app.is_live(&tokens.access).await);
    }
}

#[tokio::test]
async fn a_malformed_request_is_invalid_request() {
    for app in both().await {
        let tokens = app.user("alice").await;
        let token = ("token", &*tokens.access);
        for form in [
            &[CLIENT][..],
            &[("token", ""), CLIENT],
            &[token, token, CLIENT],
            &[token, CLIENT, CLIENT],
            &[token, CLIENT, ("token_type_hint", "a"), ("token_type_hint", "a")],
        ] {
            let response = app.revoke(form).await;
            assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{form:?}");
            let body: Value = response.json().await.unwrap();
            assert_eq!(body["error"], "invalid_request");
        }
        let json = serde_json::json!({ "token": tokens.access, "client_id": "first-party" });
        let response = app.post("/oauth2/revoke").json(&json).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        let path = format!("/oauth2/revoke?client_id=first-party&token={}", tokens.access);
        let query = app.post(&path).send().await.unwrap();
        assert_eq!(query.status(), StatusCode::BAD_REQUEST);
        let huge = "x".repeat(100_000);
        let response = app.revoke(&[("token", &huge), CLIENT]).await;
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(app.get("/oauth2/revoke").send().await.unwrap().status(), StatusCode::METHOD_NOT_ALLOWED);
        assert!(app.is_live(&tokens.access).await);
    }
}
