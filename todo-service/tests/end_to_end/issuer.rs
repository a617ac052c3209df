//! The auth-service in the test's process, and the requests of a front end to it.

use std::net::TcpListener;
use std::sync::Arc;

use auth_service::clients::{Administration, AdministrationSettings, ClientParts, Clients};
use auth_service::config::Settings;
use auth_service::random::Random;
use auth_service::startup::{Application, World};
use auth_service::storage::UnitOfWork;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use service_kit::config::{Secret, UrlWithSecret};
use service_kit::database::testing::TestDatabase;
use service_kit::database::{Backend, Database};
use shared_claims::clock::{SharedClock, SystemClock};
use shared_claims::testing::RedisProcess;

const PASSWORD: &str = "correct horse battery";
/// The client that the settings declare.
const SERVICE: &str = "billing";
const SECRET: &str = "a-secret-that-nobody-would-guess-they-say";

pub(crate) struct Issuer {
    pub(crate) url: String,
    client: Client,
    database: TestDatabase,
}

/// The tokens of a login.
pub(crate) struct Login {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Issuer {
    /// Starts the auth-service. It delivers revocations through Redis if there is one, else only through the feed.
    pub(crate) async fn start(backend: Backend, redis: Option<&RedisProcess>) -> Self {
        let database = TestDatabase::create(backend);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut settings =
            Settings { database: database.settings(), issuer: url.clone(), ..Settings::default() };
        settings.http.workers = 1;
        settings.passwords.bcrypt_cost = 4;
        settings.keys.encryption_key = Some(Secret::new("5b6c7d8e90a1f234".repeat(4)));
        settings.revocation.redis_url = redis.map(|redis| UrlWithSecret::new(redis.url()));
        settings.clients = serde_json::from_value(json!([{
            "id": SERVICE, "secret": SECRET, "grants": ["client_credentials"], "scopes": ["todos:read", "todos:write"],
        }]))
        .unwrap();
        let world = World { listener: Some(listener), ..World::system() };
        let application = Application::build(settings, world).await.unwrap();
        actix_web::rt::spawn(application.run_until(std::future::pending()));
        Self { url, client: Client::new(), database }
    }

    pub(crate) async fn register(&self, username: &str) {
        let body = json!({ "username": username, "password": PASSWORD });
        let response =
            self.client.post(format!("{}/auth/register", self.url)).json(&body).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::CREATED);
    }

    pub(crate) async fn login(&self, username: &str) -> Login {
        self.token(&[("username", username), ("password", PASSWORD)]).await
    }

    pub(crate) async fn login_for(&self, username: &str, scope: &str) -> Login {
        self.token(&[("username", username), ("password", PASSWORD), ("scope", scope)]).await
    }

    pub(crate) async fn refresh(&self, login: &Login) -> Login {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", &login.refresh)]).await
    }

    async fn token(&self, form: &[(&str, &str)]) -> Login {
        let response = self.client.post(format!("{}/auth/token", self.url)).form(form).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let tokens: Value = response.json().await.unwrap();
        let member = |name: &str| tokens[name].as_str().unwrap().to_owned();
        Login { access: member("access_token"), refresh: member("refresh_token") }
    }

    /// Calls `logout` or `logout-all`.
    pub(crate) async fn leave(&self, how: &str, login: &Login) {
        let request = self.client.post(format!("{}/auth/{how}", self.url)).bearer_auth(&login.access);
        assert_eq!(request.send().await.unwrap().status(), StatusCode::NO_CONTENT);
    }

    /// Revokes one access token (RFC 7009).
    pub(crate) async fn revoke(&self, token: &str) {
        let form = [("token", token), ("client_id", "first-party")];
        let response =
            self.client.post(format!("{}/oauth2/revoke", self.url)).form(&form).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    }

    /// A `client_credentials` token of the declared client with this scope; with all its scopes if `scope` is empty.
    pub(crate) async fn token_of_service(&self, scope: &str) -> String {
        let form = [("grant_type", "client_credentials"), ("scope", scope)];
        let request = self.client.post(format!("{}/oauth2/token", self.url)).form(&form);
        let response = request.basic_auth(SERVICE, Some(SECRET)).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let response: Value = response.json().await.unwrap();
        response["access_token"].as_str().unwrap().to_owned()
    }

    /// Revokes one of the declared client's tokens, as that client (RFC 7009).
    pub(crate) async fn revoke_as_service(&self, token: &str) {
        let request = self.client.post(format!("{}/oauth2/revoke", self.url)).form(&[("token", token)]);
        let response = request.basic_auth(SERVICE, Some(SECRET)).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    }

    /// Does what `auth-service clients disable` does in its own process.
    pub(crate) async fn disable_service(&self) {
        let database = Database::connect(&self.database.settings()).await.unwrap();
        let clock: SharedClock = Arc::new(SystemClock);
        let clients = Clients::new(ClientParts { database: database.clone(), clock: clock.clone() });
        let settings = Settings::default();
        let settings = AdministrationSettings {
            audience: settings.tokens.audience,
            access_ttl_s: settings.tokens.access_ttl_seconds,
            clock_skew_ms: settings.revocation.clock_skew_ms,
            is_local: true,
        };
        let unit_of_work = UnitOfWork::new(database, clock, Random::system());
        Administration::new(unit_of_work, clients, settings).disable(SERVICE).await.unwrap();
    }
}
