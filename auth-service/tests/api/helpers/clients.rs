//! Helpers to create OAuth clients and to request tokens for them.

use std::sync::Arc;

use auth_service::clients::{Administration, AdministrationSettings, ClientParts, Clients};
use auth_service::domain::{Client, ClientId, ClientSecretPlain, GrantType, RedirectUri};
use auth_service::random::Random;
use auth_service::storage::{UnitOfWork, client_secrets, clients};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::AUTHORIZATION;
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::Value;
use service_kit::database::DatabaseError;
use shared_claims::clock::SharedClock;
use shared_claims::scope::Scopes;

use super::{START_MS, TestApp};

pub(crate) const REDIRECT: &str = "https://app.example/cb";

/// The secret of the test client with this id.
pub(crate) fn secret_of(id: &str) -> String {
    format!("lks_the-secret-of-{id}")
}

/// A confidential client with every grant type and scope.
pub(crate) fn client(id: &str) -> Client {
    Client {
        is_first_party: false,
        id: ClientId::parse(id).unwrap(),
        name: id.to_owned(),
        is_public: false,
        is_active: true,
        is_declared: false,
        grants: GrantType::ALL.to_vec(),
        scopes: Scopes::parse("openid todos:read todos:write").unwrap(),
        audiences: vec!["todo-service".to_owned(), "https://notes.example".to_owned()],
        redirect_uris: vec![RedirectUri::parse(REDIRECT).unwrap()],
        post_logout_redirect_uris: Vec::new(),
        backchannel_logout_uri: None,
        pkce_optional: false,
        access_ttl_s: None,
        refresh_ttl_s: None,
        token_cut_ms: None,
        created_at_ms: START_MS,
        updated_at_ms: START_MS,
    }
}

/// A public client with everything that does not need a secret.
pub(crate) fn public_client(id: &str) -> Client {
    let grants = [GrantType::AuthorizationCode, GrantType::RefreshToken, GrantType::Password];
    Client { is_public: true, grants: grants.to_vec(), ..client(id) }
}

/// A Basic header. Id and secret are form-encoded.
pub(crate) fn basic(id: &str, secret: &str) -> String {
    let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encode(id), encode(secret))))
}

/// Checks that a response is a well-formed OAuth error, and returns its status and `error`.
pub(crate) async fn refusal(response: Response) -> (u16, String) {
    let status = response.status();
    assert!(status.is_client_error(), "{status}");
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(response.headers()["content-type"], "application/json");
    let challenge =
        response.headers().get("www-authenticate").map(|value| value.to_str().unwrap().to_owned());
    let is_basic = challenge.is_some_and(|challenge| challenge.starts_with("Basic realm="));
    assert_eq!(is_basic, status == StatusCode::UNAUTHORIZED);
    let body: Value = response.json().await.unwrap();
    assert!(body["error_description"].as_str().is_some_and(|text| !text.is_empty()), "{body}");
    (status.as_u16(), body["error"].as_str().unwrap().to_owned())
}

impl TestApp {
    /// Inserts a client. A confidential one gets the secret [`secret_of`] its id.
    pub(crate) async fn add_client(&self, client: Client) {
        let secret = secret_of(client.id.as_str());
        self.add_client_with(client, &[&secret]).await;
    }

    pub(crate) async fn add_client_with(&self, client: Client, secrets: &[&str]) {
        client.check().unwrap();
        let hashes: Vec<_> =
            secrets.iter().map(|secret| ClientSecretPlain::presented(secret).hash()).collect();
        let inserted = self.database.write(move |conn| {
            clients::begin_change(conn)?;
            clients::insert(conn, &client, client.access_ttl_s.unwrap_or(900))?;
            for hash in hashes.iter().filter(|_| !client.is_public) {
                client_secrets::insert(conn, client.id.as_str(), hash, START_MS)?;
            }
            Ok::<_, DatabaseError>(())
        });
        inserted.await.unwrap();
        // The registry's last reading is no longer valid.
        self.clock.advance_ms(501);
    }

    /// Changes a client, as another process would.
    pub(crate) async fn change_client(&self, id: &str, change: impl FnOnce(&mut Client) + Send + 'static) {
        let id = id.to_owned();
        let changed = self.database.write_once(move |conn| {
            clients::begin_change(conn)?;
            let mut client = clients::find(conn, &id)?.unwrap();
            change(&mut client);
            clients::update(conn, &client, 900)
        });
        changed.await.unwrap();
        self.clock.advance_ms(501);
    }

    /// Disables a client as `auth-service clients disable` does in another process.
    pub(crate) async fn disable_client(&self, id: &str) {
        let (database, clock) = (self.database.clone(), Arc::clone(&self.clock) as SharedClock);
        let clients = Clients::new(ClientParts { database: database.clone(), clock: clock.clone() });
        let settings = AdministrationSettings {
            audience: self.settings().tokens.audience.clone(),
            access_ttl_s: self.settings().tokens.access_ttl_seconds,
            clock_skew_ms: self.settings().revocation.clock_skew_ms,
            is_local: true,
        };
        let unit_of_work = UnitOfWork::new(database, clock, Random::system());
        Administration::new(unit_of_work, clients, settings).disable(id).await.unwrap();
    }

    /// A request to the token endpoint, without client authentication.
    pub(crate) fn grant(&self, form: &[(&str, &str)]) -> RequestBuilder {
        self.post("/oauth2/token").form(form)
    }

    /// Sends a token request of a confidential client.
    pub(crate) async fn grant_to(&self, id: &str, form: &[(&str, &str)]) -> Response {
        self.grant(form).header(AUTHORIZATION, basic(id, &secret_of(id))).send().await.unwrap()
    }

    /// Sends a token request of a public client.
    pub(crate) async fn grant_to_public(&self, id: &str, form: &[(&str, &str)]) -> Response {
        let form: Vec<_> = form.iter().copied().chain([("client_id", id)]).collect();
        self.grant(&form).send().await.unwrap()
    }
}
