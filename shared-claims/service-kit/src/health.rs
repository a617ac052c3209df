//! `/healthz`: whether the process runs. `/readyz`: whether it can serve requests, and if not, which dependency is
//! missing.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, Responder};
use futures_util::future::join_all;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::database::{Database, DatabaseError};
use crate::http::resource;

/// A check that takes longer than this counts as down.
const PATIENCE: Duration = Duration::from_secs(3);

/// The state of a dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// The dependency works.
    Ok,
    /// The dependency works with restrictions.
    Degraded,
    /// The dependency does not work.
    Down,
}

/// The result of a check. Everybody may read it, so it contains no addresses and no error messages.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(flatten)]
    facts: Map<String, Value>,
}

impl Finding {
    /// The dependency works.
    pub fn ok() -> Self {
        Self { state: State::Ok, detail: None, facts: Map::new() }
    }

    /// The dependency works with restrictions, described in a few fixed words.
    pub fn degraded(detail: impl Into<String>) -> Self {
        Self { state: State::Degraded, detail: Some(detail.into()), facts: Map::new() }
    }

    /// The dependency does not work, described in a few fixed words.
    pub fn down(detail: impl Into<String>) -> Self {
        Self { state: State::Down, detail: Some(detail.into()), facts: Map::new() }
    }

    /// Adds a value such as an age or a size.
    #[must_use]
    pub fn with(mut self, name: &str, fact: impl Into<Value>) -> Self {
        self.facts.insert(name.to_owned(), fact.into());
        self
    }
}

type Run = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Finding> + Send>> + Send + Sync>;

#[derive(Clone)]
struct Check {
    name: &'static str,
    is_required: bool,
    run: Run,
}

/// The checks of `/readyz`.
#[derive(Clone, Default)]
pub struct Health {
    checks: Vec<Check>,
}

impl Health {
    /// No checks: the service is always ready.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a dependency without which the service cannot serve. If it is down, the response is 503.
    #[must_use]
    pub fn required<F, Fut>(self, name: &'static str, check: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Finding> + Send + 'static,
    {
        self.add(name, true, check)
    }

    /// Adds a dependency that is only reported. If it is down, the service is `degraded`.
    #[must_use]
    pub fn reported<F, Fut>(self, name: &'static str, check: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Finding> + Send + 'static,
    {
        self.add(name, false, check)
    }

    /// Adds the database as a required dependency.
    #[must_use]
    pub fn database(self, database: &Database) -> Self {
        let database = database.clone();
        self.required("database", move || {
            let database = database.clone();
            async move {
                match database.ping().await {
                    Ok(()) => Finding::ok(),
                    Err(DatabaseError::Overloaded) => Finding::degraded("overloaded"),
                    Err(DatabaseError::Full(_)) => Finding::down("disk full"),
                    Err(DatabaseError::Standby) => Finding::down("a standby, which cannot be written"),
                    Err(_) => Finding::down("unreachable"),
                }
            }
        })
    }

    fn add<F, Fut>(mut self, name: &'static str, is_required: bool, check: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Finding> + Send + 'static,
    {
        self.checks.push(Check { name, is_required, run: Arc::new(move || Box::pin(check())) });
        self
    }

    /// Runs all checks at once. Returns `false` if a required dependency is down.
    pub async fn ask(&self) -> (bool, Value) {
        let findings = join_all(self.checks.iter().map(|check| async move {
            let finding = tokio::time::timeout(PATIENCE, (check.run)()).await;
            finding.unwrap_or_else(|_| Finding::down("does not answer"))
        }))
        .await;
        let mut dependencies = Map::new();
        let (mut is_ready, mut is_whole) = (true, true);
        for (check, finding) in self.checks.iter().zip(findings) {
            is_ready &= !(check.is_required && finding.state == State::Down);
            is_whole &= finding.state == State::Ok;
            dependencies.insert(check.name.to_owned(), json!(finding));
        }
        let status = match (is_ready, is_whole) {
            (false, _) => "unready",
            (true, false) => "degraded",
            (true, true) => "ready",
        };
        (is_ready, json!({ "status": status, "dependencies": dependencies }))
    }
}

/// Registers `/healthz` and `/readyz`.
pub fn configure(config: &mut ServiceConfig, health: &Health) {
    config
        .app_data(web::Data::new(health.clone()))
        .service(resource("/healthz").get(alive))
        .service(resource("/readyz").get(ready));
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");

async fn alive() -> impl Responder {
    HttpResponse::Ok().insert_header((CONTENT_TYPE, JSON)).body(r#"{"status":"ok"}"#)
}

async fn ready(health: web::Data<Health>) -> impl Responder {
    let (is_ready, report) = health.ask().await;
    let mut answer = if is_ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    if !is_ready {
        answer.insert_header(("Retry-After", "1"));
    }
    answer.json(report)
}
