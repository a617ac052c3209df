//! `/healthz`: whether the process runs. `/readyz`: whether it can serve requests, and if not, which dependency is
//! missing. [`request_readiness`] asks a running service, for the health check of a container without `curl`.

mod request;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, Responder};
use futures_util::future::join_all;
use serde::Serialize;
use serde_json::{Map, Value, json};

pub use self::request::request_readiness;
use crate::database::{Database, DatabaseError};
use crate::http::resource;

/// A check that takes longer than this counts as down.
const CHECK_TIME_LIMIT: Duration = Duration::from_secs(3);

/// The state of a dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckState {
    /// The dependency works.
    Ok,
    /// The dependency works with restrictions.
    Degraded,
    /// The dependency does not work.
    Down,
}

/// The result of a check. Everybody may read it, so it contains no addresses and no error messages.
#[derive(Clone, Debug, Serialize)]
pub struct CheckResult {
    state: CheckState,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(flatten)]
    values: Map<String, Value>,
}

impl CheckResult {
    /// The dependency works.
    pub fn ok() -> Self {
        Self { state: CheckState::Ok, detail: None, values: Map::new() }
    }

    /// The dependency works with restrictions, described in a few fixed words.
    pub fn degraded(detail: impl Into<String>) -> Self {
        Self { state: CheckState::Degraded, detail: Some(detail.into()), values: Map::new() }
    }

    /// The dependency does not work, described in a few fixed words.
    pub fn down(detail: impl Into<String>) -> Self {
        Self { state: CheckState::Down, detail: Some(detail.into()), values: Map::new() }
    }

    /// Adds a value such as an age or a size.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.values.insert(name.to_owned(), value.into());
        self
    }
}

type Run = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = CheckResult> + Send>> + Send + Sync>;

#[derive(Clone)]
struct Check {
    name: &'static str,
    is_required: bool,
    run: Run,
}

/// The checks of `/readyz`.
#[derive(Clone, Default)]
pub struct HealthChecks {
    checks: Vec<Check>,
    is_stopping: Arc<AtomicBool>,
}

impl HealthChecks {
    /// No checks: the service is always ready.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a dependency without which the service cannot serve. If it is down, the response is 503.
    #[must_use]
    pub fn required<F, Fut>(self, name: &'static str, check: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = CheckResult> + Send + 'static,
    {
        self.add(name, true, check)
    }

    /// Adds a dependency that is only reported. If it is down, the service is `degraded`.
    #[must_use]
    pub fn reported<F, Fut>(self, name: &'static str, check: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = CheckResult> + Send + 'static,
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
                    Ok(()) => CheckResult::ok(),
                    Err(DatabaseError::Overloaded) => CheckResult::degraded("overloaded"),
                    Err(DatabaseError::DiskFull(_)) => CheckResult::down("disk full"),
                    Err(DatabaseError::Standby) => CheckResult::down("a standby, which cannot be written"),
                    Err(_) => CheckResult::down("unreachable"),
                }
            }
        })
    }

    fn add<F, Fut>(mut self, name: &'static str, is_required: bool, check: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = CheckResult> + Send + 'static,
    {
        self.checks.push(Check { name, is_required, run: Arc::new(move || Box::pin(check())) });
        self
    }

    /// From now on the service is not ready: it is about to stop. All clones share this.
    pub(crate) fn set_stopping(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }

    /// Runs all checks at once. Returns `false` if a required dependency is down, or if the service is about to stop.
    pub async fn run(&self) -> (bool, Value) {
        let results = join_all(self.checks.iter().map(|check| async move {
            let result = tokio::time::timeout(CHECK_TIME_LIMIT, (check.run)()).await;
            result.unwrap_or_else(|_| CheckResult::down("does not response"))
        }))
        .await;
        let mut dependencies = Map::new();
        let is_stopping = self.is_stopping.load(Ordering::Relaxed);
        let (mut is_ready, mut all_ok) = (!is_stopping, true);
        for (check, result) in self.checks.iter().zip(results) {
            is_ready &= !(check.is_required && result.state == CheckState::Down);
            all_ok &= result.state == CheckState::Ok;
            dependencies.insert(check.name.to_owned(), json!(result));
        }
        let status = match (is_ready, all_ok) {
            _ if is_stopping => "stopping",
            (false, _) => "unready",
            (true, false) => "degraded",
            (true, true) => "ready",
        };
        (is_ready, json!({ "status": status, "dependencies": dependencies }))
    }
}

/// Registers `/healthz` and `/readyz`.
pub fn configure(config: &mut ServiceConfig, health: &HealthChecks) {
    config
        .app_data(web::Data::new(health.clone()))
        .service(resource("/healthz").get(alive))
        .service(resource("/readyz").get(ready));
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");

async fn alive() -> impl Responder {
    HttpResponse::Ok().insert_header((CONTENT_TYPE, JSON)).body(r#"{"status":"ok"}"#)
}

async fn ready(health: web::Data<HealthChecks>) -> impl Responder {
    let (is_ready, report) = health.run().await;
    let mut response = if is_ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    if !is_ready {
        response.insert_header(("Retry-After", "1"));
    }
    response.json(report)
}
