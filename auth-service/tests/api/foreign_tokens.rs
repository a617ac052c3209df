//! B21: well-signed tokens that were given to somebody else steer no account.

use std::sync::Arc;

use auth_service::keys::{KeyStore, KeyStoreSettings, MasterKey, Sealer};
use auth_service::random::Random;
use reqwest::StatusCode;
use serde_json::{Value, json};
use shared_claims::clock::SharedClock;

use crate::helpers::{ENCRYPTION_KEY, TestApp, both, claims_of, is_invalid_token};

/// The issuer's own keys, as another of its endpoints would use them.
async fn keys(app: &TestApp) -> KeyStore {
    let sealer = Sealer::new(&MasterKey::parse(ENCRYPTION_KEY).unwrap(), Random::system()).unwrap();
    let clock: SharedClock = Arc::clone(&app.clock) as SharedClock;
    let settings = KeyStoreSettings { rsa_bits: 2048 };
    KeyStore::open(app.database.clone(), sealer, &Random::system(), &clock, settings).await.unwrap()
}

#[tokio::test]
async fn a_token_of_a_client_or_for_another_audience_is_refused() {
    for app in both().await {
        let tokens = app.user("alice").await;
        let keys = keys(&app).await;
        let with = |claim: &str, value: Value| {
            let mut claims = claims_of(&tokens.access);
            claims[claim] = value;
            keys.sign(&claims).unwrap()
        };
        assert!(app.is_live(&with("acr", json!("2"))).await, "the key is the issuer's");
        for (claim, value) in [
            ("client_id", json!("some-app")),
            ("client_id", json!("First-Party")),
            ("aud", json!(["todo-service"])),
            ("aud", json!(["http://localhost:8000/"])),
            ("iss", json!("http://localhost:8000/")),
            ("sid", json!("018bcfe5-6800-73a7-9835-000000000000")),
            ("exp", json!(1_699_999_000)),
            ("nbf", json!(1_700_000_500)),
            ("jti", json!("c56a4180-65aa-42ec-a945-5fd21dec0538")),
        ] {
            let token = with(claim, value.clone());
            assert!(is_invalid_token(app.me(&token).await).await, "{claim} {value}");
            assert_eq!(app.logout(&token).await.status(), StatusCode::UNAUTHORIZED, "{claim} {value}");
            let revoked = app.revoke(&[("token", &token), ("client_id", "first-party")]).await;
            assert_eq!(revoked.status(), StatusCode::OK, "B14: without effect");
        }
        assert!(app.facts().await.is_empty());
        assert!(app.is_live(&tokens.access).await);
    }
}
