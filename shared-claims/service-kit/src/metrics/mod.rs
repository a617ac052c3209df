//! Metrics for Prometheus, in a registry that is handed around.
//!
//! The name of a metric of ours begins with [`PREFIX`]; names that begin with `process_` are those that every Prometheus
//! client library uses for the process itself. `docs/metrics.md` has a row for each of them, and a test in each service
//! compares that page with what `/metrics` shows.

mod connections;
mod database;
mod endpoint;
mod process;
mod requests;
mod sampled;
mod settings;
#[cfg(feature = "testing")]
pub mod testing;

use std::sync::Arc;

use prometheus::Registry;
use prometheus::core::Collector;

pub use endpoint::{configure, render};
pub(crate) use requests::{InFlight, RouteCounts};
pub use sampled::{Kind, Sample};
pub use settings::MetricsSettings;

pub(crate) use connections::{Connections, OpenConnection};
use requests::{Requests, RequestsCollector};

/// What the names of our metrics begin with, so that they never meet another program's.
pub const PREFIX: &str = "latchkey_";

/// The registry and what the kit itself counts. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    requests: Arc<Requests>,
    connections: Connections,
}

impl Metrics {
    /// A registry with the metrics of requests and of the process, which began at `started_at_seconds`.
    pub fn new(started_at_seconds: i64) -> prometheus::Result<Self> {
        let registry = Registry::new();
        let connections = Connections::register(&registry)?;
        let metrics = Self { registry, requests: Arc::default(), connections };
        metrics.register(RequestsCollector::new(Arc::clone(&metrics.requests))?)?;
        process::register(&metrics, started_at_seconds)?;
        Ok(metrics)
    }

    fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Registers a collector. Fails if one of its names has not the prefix.
    pub fn register(&self, collector: impl Collector + 'static) -> prometheus::Result<()> {
        for desc in collector.desc() {
            if !desc.fq_name.starts_with(PREFIX) && !desc.fq_name.starts_with("process_") {
                return Err(prometheus::Error::Msg(format!("{} lacks the prefix {PREFIX}", desc.fq_name)));
            }
        }
        self.registry.register(Box::new(collector))
    }

    /// Counters for a route in one worker.
    pub(crate) fn route(&self, route: &str) -> Arc<RouteCounts> {
        self.requests.route(route)
    }

    pub(crate) fn connections(&self) -> Connections {
        self.connections.clone()
    }

    /// The gauge of the requests that one worker is answering.
    pub(crate) fn worker(&self) -> InFlight {
        self.requests.worker()
    }
}
