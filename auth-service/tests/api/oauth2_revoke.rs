use reqwest::StatusCode;
use reqwest::header::{AUTHORIZATION, CACHE_CONTROL, WWW_AUTHENTICATE};
use serde_json::Value;

use crate::helpers::clients::{basic, client, public_client, refusal, secret_of};
use crate::helpers::{PASSWORD, START_MS, TestApp, Tokens, both, claims_of};

const CLIENT: (&str, &str) = ("client_id", "first-party");

#[tokio::test]
async fn revoking_an_access_token_leaves_its_session() {
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
        assert_eq!(app.revoke(&form).await.status(), StatusCode::OK, "revoking again has no effect");
        assert_eq!(app.facts().await.len(), 1);
    }
}

#[tokio::test]
async fn revoking_a_refresh_token_ends_its_session() {
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

/// B14: an unknown token.
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
        assert_eq!(response.status(), StatusCode::OK, "an expired token");
        assert!(app.facts().await.is_empty());
    }
}

#[tokio::test]
async fn the_client_has_to_identify_itself() {
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

async fn revoke_as(app: &TestApp, id: &str, form: &[(&str, &str)]) -> reqwest::Response {
    let request = app.post("/oauth2/revoke").form(form);
    request.header(AUTHORIZATION, basic(id, &secret_of(id))).send().await.unwrap()
}

/// Whether introspection by its client reports the token as active.
async fn is_active(app: &TestApp, id: &str, token: &str) -> bool {
    let hint = if token.starts_with("lkr_") { "refresh_token" } else { "access_token" };
    let form = [("token", token), ("token_type_hint", hint)];
    let request = app.post("/oauth2/introspect").form(&form);
    let response = request.header(AUTHORIZATION, basic(id, &secret_of(id))).send().await.unwrap();
    response.json::<Value>().await.unwrap()["active"].as_bool().unwrap()
}

async fn tokens_of_alice(app: &TestApp, id: &str) -> Tokens {
    let form = [("grant_type", "password"), ("username", "alice"), ("password", PASSWORD)];
    Tokens::of(app.grant_to(id, &form).await).await
}

#[tokio::test]
async fn a_client_revokes_its_own_tokens() {
    for app in both().await {
        app.add_client(client("billing")).await;
        app.register("alice").await;
        let own = app.grant_to("billing", &[("grant_type", "client_credentials")]).await;
        let own = own.json::<Value>().await.unwrap()["access_token"].as_str().unwrap().to_owned();
        let tokens = tokens_of_alice(&app, "billing").await;
        for (token, kind) in [(&own, "jti"), (&tokens.access, "jti"), (&tokens.refresh, "sid")] {
            assert!(is_active(&app, "billing", token).await);
            let response =
                revoke_as(&app, "billing", &[("token", token), ("token_type_hint", "nonsense")]).await;
            assert_eq!(response.status(), StatusCode::OK);
            assert!(!is_active(&app, "billing", token).await);
            assert_eq!(app.facts().await.last().unwrap()["kind"], kind);
        }
        assert_eq!(app.facts().await.len(), 3);
        let events = app.audit_rows().await;
        let of_client = |kind: &str| {
            let is_its = |event: &&_| {
                let event: &auth_service::storage::audit::AuditRow = event;
                event.kind == kind && event.client_id.as_deref() == Some("billing")
            };
            events.iter().filter(is_its).count()
        };
        assert_eq!((of_client("token.revoked"), of_client("session.ended")), (2, 1));
    }
}

/// B14: another client's token is not revoked, but the response is 200 as well, so that the caller learns nothing.
#[tokio::test]
async fn the_token_of_another_client_stays_valid() {
    for app in both().await {
        app.add_client(client("billing")).await;
        app.add_client(client("other")).await;
        app.add_client(public_client("spa")).await;
        app.register("alice").await;
        let tokens = tokens_of_alice(&app, "billing").await;
        let ours = app.login("alice").await;
        for token in [&tokens.access, &tokens.refresh, &ours.access, &ours.refresh] {
            for hint in ["access_token", "refresh_token"] {
                let form = [("token", &**token), ("token_type_hint", hint)];
                assert_eq!(revoke_as(&app, "other", &form).await.status(), StatusCode::OK);
                let public = app.revoke(&[("token", token), ("client_id", "spa")]).await;
                assert_eq!(public.status(), StatusCode::OK);
            }
        }
        for token in [&tokens.access, &tokens.refresh] {
            assert_eq!(app.revoke(&[("token", token), CLIENT]).await.status(), StatusCode::OK);
            assert!(is_active(&app, "billing", token).await);
        }
        assert!(app.is_live(&ours.access).await && !app.is_refused(&ours.refresh).await);
        assert!(app.facts().await.is_empty());
    }
}

/// A confidential client presents its secret, a public one its id.
#[tokio::test]
async fn a_client_authenticates_before_a_token_is_revoked() {
    for app in both().await {
        app.add_client(client("billing")).await;
        app.add_client(public_client("spa")).await;
        app.register("alice").await;
        let tokens = tokens_of_alice(&app, "billing").await;
        let token = ("token", &*tokens.refresh);
        for form in [
            vec![token, ("client_id", "billing")],
            vec![token, ("client_id", "billing"), ("client_secret", "lks_guess")],
            vec![token, ("client_id", "spa"), ("client_secret", "lks_guess")],
        ] {
            assert_eq!(
                refusal(app.revoke(&form).await).await,
                (401, "invalid_client".to_owned()),
                "{form:?}"
            );
        }
        assert!(is_active(&app, "billing", &tokens.refresh).await);
        let form = [("grant_type", "password"), ("username", "alice"), ("password", PASSWORD)];
        let public = Tokens::of(app.grant_to_public("spa", &form).await).await;
        let form = [("token", &*public.refresh), ("client_id", "spa")];
        assert_eq!(app.revoke(&form).await.status(), StatusCode::OK);
        assert_eq!(app.facts().await.len(), 1);
    }
}
