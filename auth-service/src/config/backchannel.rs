//! The settings under `backchannel.`.

use serde::{Deserialize, Serialize};
use service_kit::http::Network;

/// Calls to addresses that clients chose.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BackchannelSettings {
    /// Networks that may be called although they are not globally reachable, such as the one where your applications run.
    /// Where it is empty and the issuer is local: loopback addresses.
    pub allowed_networks: Vec<Network>,
}
