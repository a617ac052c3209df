//! The settings under `registration.`.

use serde::{Deserialize, Serialize};

/// Who may register.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RegistrationMode {
    /// Anybody.
    #[default]
    Open,
    /// Only who was invited. Operators make users by command.
    Closed,
}

/// Registration.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RegistrationSettings {
    /// Who may register.
    pub mode: RegistrationMode,
    /// Whether a user who registered may log in only after the address was verified.
    pub require_verified_email: bool,
}
