//! Prometheus metrics, in a registry that is passed to the components.
//!
//! The names of Latchkey's metrics begin with [`PREFIX`]. Names that begin with `process_` are those that every
//! Prometheus client library uses for the process itself. `docs/metrics.md` has a row for each metric, and a test in
//! each service compares that page with `/metrics`.

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

/// The prefix of the names of Latchkey's metrics, so that they never collide with another program's.
pub const PREFIX: &str = "latchkey_";

/// The registry, and the metrics of the kit itself. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    requests: Arc<Requests>,
    connections: Connections,
}

impl Metrics {
    /// Creates a registry with the metrics of requests and of the process.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let connections = Connections::register(&registry)?;
        let metrics = Self { registry, requests: Arc::default(), connections };
        metrics.register(RequestsCollector::new(Arc::clone(&metrics.requests))?)?;
        process::register(&metrics)?;
        Ok(metrics)
    }

    fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Registers a collector. Fails if one of its names lacks the prefix.
    pub fn register(&self, collector: impl Collector + 'static) -> prometheus::Result<()> {
        for desc in collector.desc() {
            if !desc.fq_name.starts_with(PREFIX) && !desc.fq_name.starts_with("process_") {
                return Err(prometheus::Error::Msg(format!("{} lacks the prefix {PREFIX}", desc.fq_name)));
            }
        }
        self.registry.register(Box::new(collector))
    }

    /// The counters of a route in one worker.
    pub(crate) fn route(&self, route: &str) -> Arc<RouteCounts> {
        self.requests.route(route)
    }

    pub(crate) fn connections(&self) -> Connections {
        self.connections.clone()
    }

    /// The gauge of the requests in progress in one worker.
    pub(crate) fn worker(&self) -> InFlight {
        self.requests.worker()
    }
}
