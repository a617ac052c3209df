//! The settings under `metrics.`.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::config::Validate;

/// Where `/metrics` is served.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MetricsSettings {
    /// A separate address for `/metrics`, which is then served nowhere else. If it is not set, the main listener serves
    /// it.
    pub bind: Option<SocketAddr>,
}

impl Validate for MetricsSettings {}
