//! `/healthz`: the process lives. `/readyz`: it can serve, and if not, for want of what.

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

/// A check that answers later than this counts as down.
const PATIENCE: Duration = Duration::from_secs(3);

/// How a dependency is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It serves.
    Ok,
    /// It serves with restrictions.
    Degraded,
    /// It does not serve.
    Down,
}

/// What a check found. Anybody may read it: no addresses, no error texts.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(flatten)]
    facts: Map<String, Value>,
}

impl Finding {
    /// It serves.
    pub fn ok() -> Self {
        Self { state: State::Ok, detail: None, facts: Map::new() }
    }

    /// It serves with restrictions, in a few words of ours.
    pub fn degraded(detail: impl Into<String>) -> Self {
        Self { state: State::Degraded, detail: Some(detail.into()), facts: Map::new() }
    }

    /// It does not serve, in a few words of ours.
    pub fn down(detail: impl Into<String>) -> Self {
        Self { state: State::Down, detail: Some(detail.into()), facts: Map::new() }
    }

    /// Adds a fact beside the state, like an age or a size.
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

/// The checks behind `/readyz`.
#[derive(Clone, Default)]
pub struct Health {
    checks: Vec<Check>,
}

impl Health {
    /// No checks: always ready.
    pub fn new() -> Self {
        Self::default()
    }

    /// A dependency without which the service cannot serve: down is 503.
    #[must_use]
    pub fn required<F, Fut>(self, name: &'static str, check: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Finding> + Send + 'static,
    {
        self.add(name, true, check)
    }

    /// A dependency that is reported only: down is `degraded`.
    #[must_use]
    pub fn reported<F, Fut>(self, name: &'static str, check: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Finding> + Send + 'static,
    {
        self.add(name, false, check)
    }

    /// The database, required.
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

    /// Asks all dependencies at once. `false` when one is down that is required.
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
