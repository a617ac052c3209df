//! The auth-service in this process, and what a front end says to it.

use std::net::TcpListener;

use auth_service::config::Settings;
use auth_service::startup::{Application, World};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use service_kit::config::{Secret, UrlWithSecret};
use service_kit::database::Backend;
use service_kit::database::testing::TestDatabase;
use shared_claims::testing::RedisProcess;

const PASSWORD: &str = "correct horse battery";

pub(crate) struct Issuer {
    pub(crate) url: String,
    client: Client,
    _database: TestDatabase,
}

/// What a login gives.
pub(crate) struct Login {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Issuer {
    /// Carries revocations by Redis where there is one, by feed alone where there is none.
    pub(crate) async fn start(backend: Backend, redis: Option<&RedisProcess>) -> Self {
        let database = TestDatabase::create(backend);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut settings =
            Settings { database: database.settings(), issuer: url.clone(), ..Settings::default() };
        settings.http.workers = 1;
        settings.passwords.bcrypt_cost = 4;
        settings.keys.encryption_key = Some(Secret::new("5b".repeat(32)));
        settings.revocation.redis_url = redis.map(|redis| UrlWithSecret::new(redis.url()));
        let world = World { listener: Some(listener), ..World::system() };
        let application = Application::build(settings, world).await.unwrap();
        actix_web::rt::spawn(application.run_until(std::future::pending()));
        Self { url, client: Client::new(), _database: database }
    }

    pub(crate) async fn register(&self, username: &str) {
        let body = json!({ "username": username, "password": PASSWORD });
        let answer =
            self.client.post(format!("{}/auth/register", self.url)).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::CREATED);
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
        let answer = self.client.post(format!("{}/auth/token", self.url)).form(form).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let tokens: Value = answer.json().await.unwrap();
        let member = |name: &str| tokens[name].as_str().unwrap().to_owned();
        Login { access: member("access_token"), refresh: member("refresh_token") }
    }

    /// `logout` or `logout-all`.
    pub(crate) async fn leave(&self, how: &str, login: &Login) {
        let request = self.client.post(format!("{}/auth/{how}", self.url)).bearer_auth(&login.access);
        assert_eq!(request.send().await.unwrap().status(), StatusCode::NO_CONTENT);
    }

    /// Revokes one access token (RFC 7009).
    pub(crate) async fn revoke(&self, token: &str) {
        let form = [("token", token), ("client_id", "first-party")];
        let answer =
            self.client.post(format!("{}/oauth2/revoke", self.url)).form(&form).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    }
}
