//! B15: introspection tells only clients that are concerned whether a token is active.

use auth_service::domain::Client;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use crate::helpers::clients::{basic, client, public_client, refusal, secret_of};
use crate::helpers::{PASSWORD, TestApp, Tokens, both, claims_of};

fn introspect(app: &TestApp, id: &str, token: &str) -> RequestBuilder {
    let header = basic(id, &secret_of(id));
    // A refresh token is reported as active only if the hint asks for one.
    let hint = if token.starts_with("lkr_") { "refresh_token" } else { "access_token" };
    let form = [("token", token), ("token_type_hint", hint)];
    app.post("/oauth2/introspect").form(&form).header(AUTHORIZATION, header)
}

async fn introspection_text(app: &TestApp, id: &str, token: &str) -> String {
    let response = introspect(app, id, token).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["cache-control"], "no-store");
    response.text().await.unwrap()
}

async fn is_inactive(app: &TestApp, id: &str, token: &str) -> bool {
    introspection_text(app, id, token).await == r#"{"active":false}"#
}

async fn state_of(app: &TestApp, id: &str, token: &str) -> Value {
    serde_json::from_str(&introspection_text(app, id, token).await).unwrap()
}

async fn client_token(app: &TestApp, id: &str) -> String {
    let response = app.grant_to(id, &[("grant_type", "client_credentials")]).await;
    let answer: Value = response.json().await.unwrap();
    answer["access_token"].as_str().unwrap().to_owned()
}

async fn tokens_of_alice(app: &TestApp, id: &str) -> Tokens {
    let form = [("grant_type", "password"), ("username", "alice"), ("password", PASSWORD)];
    Tokens::of(app.grant_to(id, &form).await).await
}

/// A client with audiences of its own, so that it is not concerned by tokens of other clients by chance.
fn service(id: &str, audiences: &[&str]) -> Client {
    Client { audiences: audiences.iter().map(|&name| name.to_owned()).collect(), ..client(id) }
}

async fn prepare(app: &TestApp) {
    app.add_client(service("billing", &["todo-service", "notes"])).await;
    app.add_client(service("notes", &["nowhere"])).await;
    app.add_client(service("todo-api", &["todo-service"])).await;
    app.add_client(service("stranger", &["elsewhere"])).await;
    app.add_client(public_client("spa")).await;
    app.register("alice").await;
}

#[tokio::test]
async fn introspection_of_an_access_token_returns_its_claims() {
    for app in both().await {
        prepare(&app).await;
        let tokens = tokens_of_alice(&app, "billing").await;
        let state = state_of(&app, "billing", &tokens.access).await;
        let claims = claims_of(&tokens.access);
        let Value::Object(mut members) = state.clone() else { panic!("{state}") };
        assert_eq!(members.remove("active"), Some(json!(true)));
        assert_eq!(members.remove("token_type"), Some(json!("Bearer")));
        assert_eq!(Value::Object(members), claims);
        let own: Value = serde_json::from_str(
            &introspection_text(&app, "billing", &client_token(&app, "billing").await).await,
        )
        .unwrap();
        assert_eq!((&own["sub"], own.get("username"), own.get("sid")), (&json!("billing"), None, None));
    }
}

#[tokio::test]
async fn only_the_client_or_audience_of_a_token_sees_it() {
    for app in both().await {
        prepare(&app).await;
        let tokens = tokens_of_alice(&app, "billing").await;
        let first_party = app.login("alice").await;
        for (id, access, refresh, ours) in [
            ("billing", true, true, true),
            // A client whose id is in the audience, one that shares an audience, and one that is not concerned.
            ("notes", true, false, false),
            ("todo-api", true, false, true),
            ("stranger", false, false, false),
        ] {
            assert_eq!(!is_inactive(&app, id, &tokens.access).await, access, "{id}");
            assert_eq!(!is_inactive(&app, id, &tokens.refresh).await, refresh, "{id}");
            assert_eq!(!is_inactive(&app, id, &first_party.access).await, ours, "{id}");
            assert!(is_inactive(&app, id, &first_party.refresh).await, "{id}");
        }
    }
}

/// B15: an invalid, expired or revoked token, and tokens of an ended session, a disabled user or a disabled client.
#[tokio::test]
async fn an_invalid_token_is_inactive_and_nothing_more() {
    for app in both().await {
        prepare(&app).await;
        let own = client_token(&app, "billing").await;
        let tokens = tokens_of_alice(&app, "billing").await;
        let (unsigned, _) = tokens.access.rsplit_once('.').unwrap();
        for garbage in [
            "x",
            "a.b.c",
            "lkr_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "\u{0}",
            &format!("{unsigned}.AAAA"),
        ] {
            assert!(is_inactive(&app, "billing", garbage).await, "{garbage:?}");
        }
        // A consumed refresh token is inactive. The access token that was issued with it is still active.
        let form = [("grant_type", "refresh_token"), ("refresh_token", &*tokens.refresh)];
        let next = Tokens::of(app.grant_to("billing", &form).await).await;
        assert!(is_inactive(&app, "billing", &tokens.refresh).await);
        assert!(!is_inactive(&app, "billing", &tokens.access).await);
        // The token is revoked alone, then with its session.
        for token in [&tokens.access, &own] {
            let form = [("token", &**token)];
            let revoked = app.post("/oauth2/revoke").form(&form);
            let revoked = revoked.header(AUTHORIZATION, basic("billing", &secret_of("billing"))).send().await;
            assert_eq!(revoked.unwrap().status(), StatusCode::OK);
            assert!(is_inactive(&app, "billing", token).await);
        }
        assert!(!is_inactive(&app, "billing", &next.access).await);
        let first_party = app.login("alice").await;
        app.logout_all(&first_party.access).await;
        for token in [&next.access, &next.refresh] {
            assert!(is_inactive(&app, "billing", token).await);
        }
        // The tokens of a disabled client are inactive for clients that may still ask.
        let later = tokens_of_alice(&app, "billing").await;
        assert!(!is_inactive(&app, "todo-api", &later.access).await);
        app.change_client("billing", |client| client.is_active = false).await;
        assert!(is_inactive(&app, "todo-api", &later.access).await);
        app.change_client("billing", |client| client.is_active = true).await;
        // The tokens expire.
        assert!(!is_inactive(&app, "todo-api", &later.access).await);
        app.clock.advance_ms(915_000);
        assert!(is_inactive(&app, "todo-api", &later.access).await);
        assert!(!is_inactive(&app, "billing", &later.refresh).await);
        app.clock.advance_ms(2_592_000_000);
        assert!(is_inactive(&app, "billing", &later.refresh).await);
    }
}

#[tokio::test]
async fn introspection_of_a_refresh_token_names_its_type() {
    for app in both().await {
        prepare(&app).await;
        let tokens = tokens_of_alice(&app, "billing").await;
        let state = state_of(&app, "billing", &tokens.refresh).await;
        let claims = claims_of(&tokens.access);
        assert_eq!((&state["active"], &state["token_type"]), (&json!(true), &json!("refresh_token")));
        for name in ["client_id", "username", "scope", "sub", "sid", "iss", "iat"] {
            assert_eq!(state[name], claims[name], "{name}");
        }
        assert_eq!(state["exp"].as_i64().unwrap(), claims["iat"].as_i64().unwrap() + 2_592_000);
        assert_eq!((state.get("aud"), state.get("jti")), (None, None));
        // Introspection does not consume the token.
        let form = [("grant_type", "refresh_token"), ("refresh_token", &*tokens.refresh)];
        assert_eq!(app.grant_to("billing", &form).await.status(), StatusCode::OK);
    }
}

/// A resource server asks about a bearer token. A refresh token is inactive there, even for the client that it was
/// issued to.
#[tokio::test]
async fn a_refresh_token_is_active_only_if_the_hint_names_it() {
    for app in both().await {
        prepare(&app).await;
        let tokens = tokens_of_alice(&app, "billing").await;
        for hint in [None, Some("access_token"), Some(""), Some("nonsense"), Some("REFRESH_TOKEN")] {
            let mut form = vec![("token", &*tokens.refresh)];
            form.extend(hint.map(|hint| ("token_type_hint", hint)));
            let request = app.post("/oauth2/introspect").form(&form);
            let request = request.header(AUTHORIZATION, basic("billing", &secret_of("billing")));
            let answer = request.send().await.unwrap().text().await.unwrap();
            assert_eq!(answer, r#"{"active":false}"#, "{hint:?}");
        }
        assert!(!is_inactive(&app, "billing", &tokens.refresh).await);
    }
}

/// B15: requests without authentication, of a public client, or with a wrong secret are refused before the token is
/// read.
#[tokio::test]
async fn introspection_requires_authentication() {
    for app in both().await {
        prepare(&app).await;
        let live = client_token(&app, "billing").await;
        let send = async |form: &[(&str, &str)], header: Option<String>| -> Response {
            let request = app.post("/oauth2/introspect").form(form);
            let request =
                header.into_iter().fold(request, |request, header| request.header(AUTHORIZATION, header));
            request.send().await.unwrap()
        };
        let mut answers = Vec::new();
        for token in [&*live, "garbage", ""] {
            let token = ("token", token);
            for (form, header) in [
                (vec![token], None),
                (vec![token, ("client_id", "spa")], None),
                (vec![token, ("client_id", "billing")], None),
                (vec![token, ("client_id", "first-party")], None),
                (vec![token], Some(basic("billing", "lks_guess"))),
                (vec![token], Some(format!("Bearer {live}"))),
                (vec![], None),
            ] {
                let response = send(&form, header).await;
                assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
                assert!(response.headers().contains_key("www-authenticate"));
                answers.push(response.text().await.unwrap());
            }
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
        let header = || Some(basic("billing", &secret_of("billing")));
        let missing = send(&[("token_type_hint", "access_token")], header()).await;
        assert_eq!(refusal(missing).await, (400, "invalid_request".to_owned()));
        let twice = send(&[("token", &live), ("token", &live)], header()).await;
        assert_eq!(refusal(twice).await, (400, "invalid_request".to_owned()));
        let wrong_hint = send(&[("token", &live), ("token_type_hint", "refresh_token")], header()).await;
        let wrong_hint: Value = wrong_hint.json().await.unwrap();
        assert_eq!(wrong_hint["active"], true);
        let response = app.get("/oauth2/introspect").send().await.unwrap();
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    }
}

/// RFC 9701: a signed response for the client that asked, which no verifier accepts as an access token.
#[tokio::test]
async fn a_signed_response_is_not_an_access_token() {
    for app in both().await {
        prepare(&app).await;
        let live = tokens_of_alice(&app, "billing").await;
        for (accept, signed) in [
            ("application/token-introspection+jwt", true),
            ("application/json;q=0.5, Application/Token-Introspection+JWT;q=0.9", true),
            ("application/json", false),
            ("*/*", false),
            ("application/token-introspection+jwt;q=0, application/json", false),
        ] {
            let response =
                introspect(&app, "billing", &live.access).header(ACCEPT, accept).send().await.unwrap();
            let kind = response.headers()[CONTENT_TYPE].to_str().unwrap();
            assert_eq!(kind == "application/token-introspection+jwt", signed, "{accept}");
        }
        let signed = async |id: &str, token: &str| {
            let request = introspect(&app, id, token).header(ACCEPT, "application/token-introspection+jwt");
            request.send().await.unwrap().text().await.unwrap()
        };
        let jwt = signed("todo-api", &live.access).await;
        let header = URL_SAFE_NO_PAD.decode(jwt.split('.').next().unwrap()).unwrap();
        let header: Value = serde_json::from_slice(&header).unwrap();
        assert_eq!((&header["typ"], &header["alg"]), (&json!("token-introspection+jwt"), &json!("RS256")));
        let claims = claims_of(&jwt);
        let members: Vec<_> = claims.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(members, ["aud", "iat", "iss", "token_introspection"], "no sub, no exp, no jti");
        assert_eq!((&claims["aud"], &claims["iss"]), (&json!("todo-api"), &json!("http://localhost:8000")));
        assert_eq!(claims["token_introspection"], state_of(&app, "todo-api", &live.access).await);
        let inactive = claims_of(&signed("stranger", &live.access).await);
        assert_eq!(inactive["token_introspection"], json!({ "active": false }));
        // It is verified with the same keys, but no verifier accepts it as an access token.
        let set: Value = app.get("/.well-known/jwks.json").send().await.unwrap().json().await.unwrap();
        let key = set["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]).unwrap();
        let (message, signature) = jwt.rsplit_once('.').unwrap();
        let public = aws_lc_rs::signature::RsaPublicKeyComponents {
            n: URL_SAFE_NO_PAD.decode(key["n"].as_str().unwrap()).unwrap(),
            e: URL_SAFE_NO_PAD.decode(key["e"].as_str().unwrap()).unwrap(),
        };
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let algorithm = &aws_lc_rs::signature::RSA_PKCS1_2048_8192_SHA256;
        public.verify(algorithm, message.as_bytes(), &signature).unwrap();
        assert!(is_inactive(&app, "todo-api", &jwt).await);
        assert_eq!(app.me(&jwt).await.status(), StatusCode::UNAUTHORIZED);
    }
}

/// Introspection is frequent, so it writes nothing, for any token.
#[tokio::test]
async fn introspection_writes_nothing() {
    for app in both().await {
        prepare(&app).await;
        let tokens = tokens_of_alice(&app, "billing").await;
        let own = client_token(&app, "billing").await;
        let changes = app.changes().await;
        let before = changes.mark().await;
        app.clock.advance_ms(120_000);
        for token in [&tokens.access, &tokens.refresh, &own] {
            assert!(!is_inactive(&app, "billing", token).await);
            assert!(is_inactive(&app, "stranger", token).await);
        }
        assert!(is_inactive(&app, "billing", "garbage").await);
        assert_eq!(changes.mark().await, before);
        app.login("alice").await;
        assert_ne!(changes.mark().await, before, "a write would have been detected");
    }
}
