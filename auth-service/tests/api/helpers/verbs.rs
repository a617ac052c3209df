//! The requests that tests send to the service.

use auth_service::storage::audit::{self, AuditFilter, AuditRow};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::header::WWW_AUTHENTICATE;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use super::{PASSWORD, TestApp};

/// The tokens of a response of `/auth/token`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Tokens {
    pub(crate) async fn of(response: Response) -> Self {
        assert_eq!(response.status(), StatusCode::OK);
        let body: Value = response.json().await.unwrap();
        let text = |name: &str| body[name].as_str().unwrap().to_owned();
        Self { access: text("access_token"), refresh: text("refresh_token") }
    }
}

/// The claims of a token, without verification.
pub(crate) fn claims_of(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// Whether a response is a 401 with the challenge of RFC 6750 and a problem document.
pub(crate) async fn is_invalid_token(response: Response) -> bool {
    let challenge = response.headers().get(WWW_AUTHENTICATE).map(|value| value.to_str().unwrap().to_owned());
    let status = response.status();
    let body: Value = response.json().await.unwrap();
    status == StatusCode::UNAUTHORIZED
        && challenge.is_some_and(|text| text.starts_with("Bearer error=\"invalid_token\""))
        && body["status"] == 401
}

impl TestApp {
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.request(Method::POST, path)
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    pub(crate) async fn register_with(&self, body: &Value) -> Response {
        self.post("/auth/register").json(body).send().await.unwrap()
    }

    /// Registers a user with [`PASSWORD`].
    pub(crate) async fn register(&self, username: &str) -> Value {
        let response = self.register_with(&json!({ "username": username, "password": PASSWORD })).await;
        assert_eq!(response.status(), StatusCode::CREATED);
        response.json().await.unwrap()
    }

    pub(crate) async fn post_token(&self, form: &[(&str, &str)]) -> Response {
        self.post("/auth/token").form(form).send().await.unwrap()
    }

    pub(crate) async fn try_login(&self, username: &str, password: &str) -> Response {
        self.post_token(&[("username", username), ("password", password)]).await
    }

    pub(crate) async fn login(&self, username: &str) -> Tokens {
        Tokens::of(self.try_login(username, PASSWORD).await).await
    }

    /// Registers a user and logs in.
    pub(crate) async fn user(&self, username: &str) -> Tokens {
        self.register(username).await;
        self.login(username).await
    }

    pub(crate) async fn try_refresh(&self, token: &str) -> Response {
        self.post_token(&[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    pub(crate) async fn refresh(&self, token: &str) -> Tokens {
        Tokens::of(self.try_refresh(token).await).await
    }

    pub(crate) async fn me(&self, token: &str) -> Response {
        self.get("/auth/me").bearer_auth(token).send().await.unwrap()
    }

    pub(crate) async fn is_live(&self, token: &str) -> bool {
        let response = self.me(token).await;
        if response.status() == StatusCode::OK {
            return true;
        }
        assert!(is_invalid_token(response).await);
        false
    }

    /// Whether the refresh token is refused.
    pub(crate) async fn is_refused(&self, refresh_token: &str) -> bool {
        let response = self.try_refresh(refresh_token).await;
        assert!(matches!(response.status(), StatusCode::OK | StatusCode::UNAUTHORIZED));
        response.status() == StatusCode::UNAUTHORIZED
    }

    pub(crate) async fn logout(&self, token: &str) -> Response {
        self.post("/auth/logout").bearer_auth(token).send().await.unwrap()
    }

    pub(crate) async fn logout_all(&self, token: &str) -> Response {
        self.post("/auth/logout-all").bearer_auth(token).send().await.unwrap()
    }

    pub(crate) async fn revoke(&self, form: &[(&str, &str)]) -> Response {
        self.post("/oauth2/revoke").form(form).send().await.unwrap()
    }

    /// The facts in the revocation feed.
    pub(crate) async fn facts(&self) -> Vec<Value> {
        let response = self.get("/revocations").send().await.unwrap();
        let body: Value = response.json().await.unwrap();
        body["entries"].as_array().unwrap().clone()
    }

    /// The audit events, oldest first.
    pub(crate) async fn audit_rows(&self) -> Vec<AuditRow> {
        let rows = self.database.read(|conn| audit::page(conn, &AuditFilter::default(), "", 10_000));
        rows.await.unwrap()
    }

    /// The value of a metric.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let text = self.get("/metrics").send().await.unwrap().text().await.unwrap();
        let line = text.lines().find(|line| line.split(' ').next() == Some(name));
        line.and_then(|line| line.split(' ').nth(1)).unwrap().parse().unwrap()
    }
}
