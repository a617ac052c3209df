//! Numbers for Prometheus.

mod settings;

pub use settings::MetricsSettings;
