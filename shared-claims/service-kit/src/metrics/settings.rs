//! The settings under `metrics.`.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::config::Validate;

/// Where `/metrics` is served.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MetricsSettings {
    /// An address of its own for `/metrics`, which then is nowhere else. Unset: on the main listener.
    pub bind: Option<SocketAddr>,
}

impl Validate for MetricsSettings {}
