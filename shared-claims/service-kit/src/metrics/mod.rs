//! Numbers for Prometheus, in a registry that is handed around.

mod database;
mod endpoint;
mod process;
mod requests;
mod sampled;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::Method;
use prometheus::Registry;
use prometheus::core::Collector;

pub use endpoint::{configure, render};
pub use requests::InFlight;
pub use sampled::{Kind, Sample};
pub use settings::MetricsSettings;

use requests::Requests;

/// The registry and what the kit itself counts. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    requests: Arc<Requests>,
}

impl Metrics {
    /// An empty registry, and in it the numbers of requests and of the process that began at `started_at_seconds`.
    pub fn new(started_at_seconds: i64) -> prometheus::Result<Self> {
        let registry = Registry::new();
        let requests = Arc::new(Requests::register(&registry)?);
        let metrics = Self { registry, requests };
        process::register(&metrics, started_at_seconds)?;
        Ok(metrics)
    }

    /// The registry, for numbers of the service's own.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Registers a collector.
    pub fn register(&self, collector: impl Collector + 'static) -> prometheus::Result<()> {
        self.registry.register(Box::new(collector))
    }

    pub(crate) fn request_began(&self) -> InFlight {
        self.requests.began()
    }

    pub(crate) fn request_ended(&self, method: &Method, route: Option<&str>, status: u16, took: Duration) {
        self.requests.ended(method, route, status, took);
    }
}
