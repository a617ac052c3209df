//! Prometheus metrics, in a registry that is passed to the components.
//!
//! The names of Latchkey's metrics begin with [`PREFIX`]. Names that begin with `process_` are those that every
//! Prometheus client library uses for the process itself. `docs/metrics.md` has a row for each metric, and a test in
//! each service compares that page with `/metrics`.

mod callback;
mod requests;
#[cfg(feature = "testing")]
pub mod testing;

use std::net::SocketAddr;
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::{self, ServiceConfig};
use prometheus::core::Collector;
use prometheus::{Encoder, Registry, TextEncoder};
use serde::{Deserialize, Serialize};
use shared_claims::metrics::MetricKind;

use self::requests::{Requests, RequestsCollector};
use crate::config::Validate;
use crate::http::{HttpError, resource};
use crate::telemetry;

pub use callback::LabeledValue;
pub(crate) use requests::{Connections, InFlight, OpenConnection, RouteCounts};

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
        register_process_metrics(&metrics)?;
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

fn register_process_metrics(metrics: &Metrics) -> prometheus::Result<()> {
    // What it reads is in `/proc`.
    #[cfg(target_os = "linux")]
    metrics.register(prometheus::process_collector::ProcessCollector::for_self())?;
    metrics.register_callback(
        MetricKind::Counter,
        "latchkey_log_lines_lost_total",
        "Log lines that were dropped because the reader of the log was too slow.",
        &[],
        || LabeledValue::unlabeled(f64::from(u32::try_from(telemetry::lost_lines()).unwrap_or(u32::MAX))),
    )
}

/// Where `/metrics` is served.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MetricsSettings {
    /// A separate address for `/metrics`, which is then served nowhere else. If it is not set, the main listener serves
    /// it.
    pub bind: Option<SocketAddr>,
}

impl Validate for MetricsSettings {}

/// Registers `/metrics`.
pub fn configure(config: &mut ServiceConfig, metrics: &Metrics) {
    config.app_data(web::Data::new(metrics.clone())).service(resource("/metrics").get(show));
}

async fn show(metrics: web::Data<Metrics>) -> Result<HttpResponse, HttpError> {
    let text = render(&metrics).map_err(HttpError::internal)?;
    Ok(HttpResponse::Ok().insert_header((header::CONTENT_TYPE, prometheus::TEXT_FORMAT)).body(text))
}

/// All metrics in Prometheus' text format.
pub fn render(metrics: &Metrics) -> prometheus::Result<String> {
    let mut text = Vec::new();
    TextEncoder::new().encode(&metrics.registry().gather(), &mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
