//! The settings under `claims.`.

use serde::{Deserialize, Serialize};

/// The settings for claims about people.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClaimSettings {
    /// Whether clients see an e-mail address that is not verified. Clients link accounts by the address, so somebody could
    /// register a stranger's address and take over the stranger's account at a client.
    pub unverified_email: bool,
}
