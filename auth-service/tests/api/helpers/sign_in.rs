//! Applications that people sign in for, and what these do with codes.

use auth_service::domain::{Client, RedirectUri};
use reqwest::StatusCode;
use serde_json::Value;
use shared_claims::scope::Scopes;

use super::clients::{basic, client, public_client, secret_of};
use super::codes::VERIFIER;
use super::{TestApp, both, claims_of};

/// The application `web1`, which its users are not asked about.
pub(crate) fn web1() -> Client {
    Client {
        is_first_party: true,
        scopes: Scopes::parse("openid profile email offline_access todos:read").unwrap(),
        ..client("web1")
    }
}

pub(crate) async fn apps() -> [TestApp; 2] {
    let apps = both().await;
    for app in &apps {
        app.register("ada").await;
        app.register("bob").await;
        app.add_client(web1()).await;
        app.add_client(Client {
            is_first_party: false,
            ..Client { id: client("third").id, name: "Third".to_owned(), ..web1() }
        })
        .await;
        app.add_client(native_at("native", &["http://127.0.0.1/cb", "com.example.app:/cb"])).await;
    }
    apps
}

/// A native client of the operator's own with these redirect URIs.
pub(crate) fn native_at(id: &str, redirect_uris: &[&str]) -> Client {
    let redirect_uris = redirect_uris.iter().map(|uri| RedirectUri::parse(uri).unwrap()).collect();
    Client { redirect_uris, is_first_party: true, ..public_client(id) }
}

pub(crate) fn claims(token: &Value) -> Value {
    claims_of(token.as_str().unwrap())
}

/// Redeems a code as `web1`, or as another confidential client.
pub(crate) async fn redeem(app: &TestApp, client_id: &str, code: &str) -> (StatusCode, Value) {
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", "https://app.example/cb"),
        ("code_verifier", VERIFIER),
    ];
    let request = app.client.post(format!("{}/oauth2/token", app.url)).form(&form);
    let response =
        request.header("Authorization", basic(client_id, &secret_of(client_id))).send().await.unwrap();
    (response.status(), response.json().await.unwrap())
}

pub(crate) async fn refresh(app: &TestApp, client_id: &str, token: &str) -> (StatusCode, Value) {
    let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
    let request = app.client.post(format!("{}/oauth2/token", app.url)).form(&form);
    let response =
        request.header("Authorization", basic(client_id, &secret_of(client_id))).send().await.unwrap();
    (response.status(), response.json().await.unwrap())
}
