//! Tests of `client_credentials` (RFC 6749 §4.4): the token, its scope, its resources, and its revocation.

use auth_service::storage::clients;
use diesel::RunQueryDsl as _;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use service_kit::database::DatabaseError;
use shared_claims::claims::TokenId;
use shared_claims::verifier::Verifier;

use crate::helpers::clients::{client, refusal};
use crate::helpers::{START_MS, TestApp, both, both_with, claims_of};

const GRANT: (&str, &str) = ("grant_type", "client_credentials");

async fn request_token(app: &TestApp, form: &[(&str, &str)]) -> Response {
    app.grant_to("billing", &[&[GRANT], form].concat()).await
}

/// The response, and the claims of its token.
async fn issued(app: &TestApp, form: &[(&str, &str)]) -> (Value, Value) {
    let response = request_token(app, form).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["cache-control"], "no-store");
    let answer: Value = response.json().await.unwrap();
    let claims = claims_of(answer["access_token"].as_str().unwrap());
    (answer, claims)
}

#[tokio::test]
async fn the_response_and_its_token_are_the_same_on_both_databases() {
    for app in both().await {
        app.add_client(client("billing")).await;
        let (answer, claims) = issued(&app, &[]).await;
        let jti: TokenId = TokenId::parse(claims["jti"].as_str().unwrap()).unwrap();
        assert_eq!(jti.time_ms(), START_MS + 501);
        insta::assert_json_snapshot!("client_credentials", json!({ "answer": answer, "claims": claims }), {
            ".answer.access_token" => "[token]", ".claims.jti" => "[id]",
        });
    }
}

#[tokio::test]
async fn a_resource_server_accepts_the_token() {
    for app in both().await {
        app.add_client(client("billing")).await;
        let (answer, _) = issued(&app, &[("resource", "todo-service")]).await;
        let token = answer["access_token"].as_str().unwrap();
        let verifier = async |audience: &str| {
            let builder = Verifier::builder("http://localhost:8000").audience(audience);
            let keys = format!("{}/.well-known/jwks.json", app.url);
            builder.jwks_url(keys).without_revocation().clock(app.clock.clone()).build().await.unwrap()
        };
        let claims = verifier("todo-service").await.verify(token).await.unwrap();
        assert_eq!((claims.sub.as_str(), claims.username.as_deref()), ("billing", None));
        assert!(verifier("https://notes.example").await.verify(token).await.is_err());
        // The token belongs to no user, and the issuer is not its audience.
        assert_eq!(app.me(token).await.status(), StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn scope_and_resource_narrow() {
    for app in both().await {
        app.add_client(client("billing")).await;
        let (answer, claims) = issued(&app, &[("scope", "todos:write")]).await;
        assert_eq!((&answer["scope"], &claims["scope"]), (&json!("todos:write"), &json!("todos:write")));
        assert_eq!(claims["aud"], json!(["todo-service", "https://notes.example"]));
        let (_, claims) = issued(&app, &[("resource", "https://notes.example")]).await;
        assert_eq!(claims["aud"], json!(["https://notes.example"]));
        // RFC 8707 §2: `resource` is the only parameter that may occur twice.
        let (_, claims) =
            issued(&app, &[("resource", "https://notes.example"), ("resource", "todo-service")]).await;
        assert_eq!(claims["aud"], json!(["todo-service", "https://notes.example"]));
        let (_, claims) = issued(&app, &[("resource", ""), ("scope", "")]).await;
        assert_eq!(claims["scope"], "todos:read todos:write", "an empty scope counts as missing");
        for resource in
            ["https://other.example", "todo-service#a", "TODO-service", "todo-service ", "%", "\u{0}"]
        {
            let response = request_token(&app, &[("resource", "todo-service"), ("resource", resource)]).await;
            assert_eq!(refusal(response).await, (400, "invalid_target".to_owned()), "{resource:?}");
        }
        // A token without a user cannot have the scope `openid`.
        assert_eq!(
            refusal(request_token(&app, &[("scope", "openid")]).await).await,
            (400, "invalid_scope".to_owned())
        );
    }
}

#[tokio::test]
async fn the_lifetime_is_the_clients_own() {
    for app in both_with(|settings| settings.tokens.access_ttl_seconds = 600).await {
        app.add_client(client("billing")).await;
        assert_eq!(issued(&app, &[]).await.0["expires_in"], 600);
        app.change_client("billing", |client| client.access_ttl_s = Some(60)).await;
        let (answer, claims) = issued(&app, &[]).await;
        assert_eq!(answer["expires_in"], 60);
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 60);
    }
}

/// CONTRACT §6: every token that is issued after the cut has a later time than the cut.
#[tokio::test]
async fn the_jti_time_is_later_than_the_last_cut_against_the_client() {
    for app in both().await {
        let cut = START_MS + 90_000;
        app.add_client({
            let mut cut_once = client("billing");
            cut_once.token_cut_ms = Some(cut);
            cut_once
        })
        .await;
        let (_, claims) = issued(&app, &[]).await;
        assert_eq!(TokenId::parse(claims["jti"].as_str().unwrap()).unwrap().time_ms(), cut + 1);
    }
}

/// The most frequent request writes nothing, and reads nothing while the registry is valid.
#[tokio::test]
async fn no_database_query_is_made() {
    for app in both().await {
        app.add_client(client("billing")).await;
        issued(&app, &[]).await;
        let before = (app.audit_rows().await.len(), app.metric("latchkey_clients_reads_total").await);
        for _ in 0..20 {
            issued(&app, &[]).await;
        }
        assert_eq!((app.audit_rows().await.len(), app.metric("latchkey_clients_reads_total").await), before);
    }
}

/// B13: every token that a client got while it was being disabled is older than the cut, and afterwards it gets none.
#[tokio::test]
async fn a_client_that_is_disabled_during_its_request_gets_no_live_token() {
    for app in both().await {
        app.add_client(client("billing")).await;
        app.add_client(client("todo-api")).await;
        let (tokens, over) = (std::sync::Mutex::new(Vec::new()), std::sync::atomic::AtomicBool::new(false));
        let hammer = async {
            while !over.load(std::sync::atomic::Ordering::Relaxed) {
                let response = request_token(&app, &[]).await;
                match response.status() {
                    StatusCode::OK => {
                        let answer: Value = response.json().await.unwrap();
                        tokens.lock().unwrap().push(answer["access_token"].as_str().unwrap().to_owned());
                    }
                    status => assert_eq!(status, StatusCode::UNAUTHORIZED),
                }
            }
        };
        let time = async {
            while !over.load(std::sync::atomic::Ordering::Relaxed) {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                app.clock.advance_ms(10);
            }
        };
        let end = async {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            app.disable_client("billing").await;
            over.store(true, std::sync::atomic::Ordering::Relaxed);
        };
        tokio::join!(hammer, time, end);
        let cut = &app.facts().await[0];
        assert_eq!((&cut["kind"], &cut["id"]), (&json!("client"), &json!("billing")));
        let tokens = tokens.into_inner().unwrap();
        assert!(!tokens.is_empty());
        for token in tokens {
            let claims = claims_of(&token);
            let issued = TokenId::parse(claims["jti"].as_str().unwrap()).unwrap().time_ms();
            assert!(issued <= cut["at"].as_i64().unwrap(), "{issued} {cut}");
            assert!(claims["exp"].as_i64().unwrap() < cut["exp"].as_i64().unwrap());
        }
        app.clock.advance_ms(501);
        assert_eq!(refusal(request_token(&app, &[]).await).await, (401, "invalid_client".to_owned()));
    }
}

/// A row as a newer replica may write it during a rolling upgrade.
#[tokio::test]
async fn an_unreadable_client_does_not_hide_the_others() {
    for app in both().await {
        app.add_client(client("billing")).await;
        app.add_client(client("other")).await;
        let broken = app.database.write(|conn| {
            clients::begin_change(conn)?;
            let grants = "UPDATE clients SET grants = 'a_grant_of_tomorrow' WHERE id = 'other'";
            Ok::<_, DatabaseError>(diesel::sql_query(grants).execute(conn)?)
        });
        broken.await.unwrap();
        app.clock.advance_ms(501);
        assert_eq!(request_token(&app, &[]).await.status(), StatusCode::OK);
        assert_eq!(refusal(app.grant_to("other", &[GRANT]).await).await, (401, "invalid_client".to_owned()));
        let metrics = app.get("/metrics").send().await.unwrap().text().await.unwrap();
        let is_ours =
            |line: &&str| line.split(' ').next().is_some_and(|name| name.ends_with("clients_unreadable"));
        let counted = metrics.lines().find(is_ours).unwrap();
        assert!(counted.ends_with(" 1"), "{counted}");
    }
}
