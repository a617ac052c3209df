//! B21: tokens with a valid signature that were issued to an OAuth client do not control an account.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::helpers::{both, claims_of, is_invalid_token};

#[tokio::test]
async fn a_token_of_a_client_or_for_another_audience_is_refused() {
    for app in both().await {
        let tokens = app.user("alice").await;
        let key = app.signing_key("active").await;
        let with = |claim: &str, value: Value| {
            let mut claims = claims_of(&tokens.access);
            claims[claim] = value;
            key.sign(&claims).unwrap()
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
            // Whatever its audience, the token belongs to the client, which may revoke it.
            if claim == "aud" {
                continue;
            }
            let revoked = app.revoke(&[("token", &token), ("client_id", "first-party")]).await;
            assert_eq!(revoked.status(), StatusCode::OK, "B14: without effect");
        }
        assert!(app.facts().await.is_empty());
        assert!(app.is_live(&tokens.access).await);
    }
}
