//! Shared by the tests: a clock, verifiers with the shared keys, and a small service.

use std::net::TcpListener;
use std::sync::Arc;

use actix_web::dev::ServerHandle;
use actix_web::web::ServiceConfig;
use actix_web::{App, HttpServer, web};
use shared_claims::actix::{Authenticated, BearerAuth};
use shared_claims::clock::ManualClock;
use shared_claims::required_scope;
use shared_claims::testing::{TestKey, TokenBuilder};
use shared_claims::verifier::{KeySet, KeySetHandle, Verifier, VerifierBuilder};

pub(crate) const ISSUER: &str = "http://localhost:8000";
pub(crate) const AUDIENCE: &str = "todo-service";
pub(crate) const COOKIE: &str = "__Host-access_token";

/// 2026-01-01T00:00:00.5Z.
pub(crate) const NOW_MS: i64 = 1_767_225_600_500;
pub(crate) const NOW: i64 = NOW_MS / 1000;

required_scope!(pub(crate) TodosWrite, "todos:write");

pub(crate) fn clock() -> Arc<ManualClock> {
    ManualClock::at(NOW_MS)
}

pub(crate) fn handle(keys: &[&TestKey]) -> KeySetHandle {
    let handle = KeySetHandle::new();
    handle.set(KeySet::from_keys(keys.iter().map(|key| key.public())));
    handle
}

/// The builder of a verifier with the first shared key.
pub(crate) fn builder(clock: &Arc<ManualClock>) -> VerifierBuilder {
    Verifier::builder(ISSUER)
        .audience(AUDIENCE)
        .keys(handle(&[TestKey::shared(0)]))
        .without_revocation()
        .clock(clock.clone())
}

/// A token that this verifier accepts.
pub(crate) fn token(clock: &Arc<ManualClock>) -> TokenBuilder {
    TestKey::shared(0).token(ISSUER, AUDIENCE, &**clock)
}

/// A service with three handlers, on its own port.
pub(crate) struct Service {
    pub(crate) url: String,
    pub(crate) client: reqwest::Client,
    server: ServerHandle,
}

impl Service {
    pub(crate) fn start(auth: BearerAuth) -> Self {
        let auth = web::Data::new(auth);
        Self::of(move |config| {
            config
                .app_data(auth.clone())
                .route("/open", web::get().to(async || "open"))
                .route("/whoami", web::get().to(async |user: Authenticated| user.sub.clone()))
                .route("/write", web::route().to(async |user: Authenticated<TodosWrite>| user.sub.clone()));
        })
    }

    /// A service with other handlers.
    pub(crate) fn of(routes: impl Fn(&mut ServiceConfig) + Clone + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = HttpServer::new(move || App::new().configure(routes.clone()))
            .workers(1)
            .disable_signals()
            .shutdown_timeout(0)
            .listen(listener)
            .unwrap()
            .run();
        let handle = server.handle();
        tokio::spawn(server);
        Self { url, client: reqwest::Client::new(), server: handle }
    }

    pub(crate) fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.get(format!("{}{path}", self.url))
    }

    pub(crate) fn post(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.post(format!("{}{path}", self.url))
    }

    pub(crate) async fn whoami(&self, token: &str) -> Answer {
        Answer::of(self.get("/whoami").header("Authorization", format!("Bearer {token}"))).await
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(self.server.stop(false));
        }
    }
}

/// A response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) challenge: Option<String>,
    pub(crate) content_type: String,
    pub(crate) retry_after: Option<String>,
    pub(crate) cache_control: Option<String>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) async fn of(request: reqwest::RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let header =
            |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        Self {
            status: response.status().as_u16(),
            challenge: header("www-authenticate"),
            content_type: header("content-type").unwrap_or_default(),
            retry_after: header("retry-after"),
            cache_control: header("cache-control"),
            body: response.text().await.unwrap(),
        }
    }

    /// Asserts the response R401 of SECURITY-CASES: status, challenge and problem, none of which contains anything from
    /// the token.
    #[track_caller]
    pub(crate) fn assert_invalid_token(&self, case: &str) {
        assert_eq!(self.status, 401, "{case}: {self:?}");
        let challenge = self.challenge.as_deref().unwrap_or_default();
        assert!(challenge.starts_with("Bearer error=\"invalid_token\""), "{case}: {self:?}");
        self.assert_problem(case);
    }

    #[track_caller]
    pub(crate) fn assert_problem(&self, case: &str) {
        assert_eq!(self.content_type, "application/problem+json", "{case}");
        assert_eq!(self.cache_control.as_deref(), Some("no-store"), "{case}");
        let problem: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        assert_eq!(problem["status"], self.status, "{case}");
        for member in ["type", "title", "detail"] {
            assert!(problem[member].is_string(), "{case}: {member}");
        }
    }
}
