//! What happens to keys, said in one place.

use service_kit::http::rfc3339;

use crate::domain::signing_key::KeyState;

/// Something that happened to the set of keys, and is committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyEvent {
    /// A key was made.
    Generated {
        /// Which.
        kid: String,
        /// Whether it signs, or is published first.
        state: KeyState,
        /// When it signs, milliseconds since the Unix epoch.
        activates_at_ms: i64,
    },
    /// A key came from a file.
    Imported {
        /// Which.
        kid: String,
        /// When it signs, milliseconds since the Unix epoch.
        activates_at_ms: i64,
    },
    /// Another key signs.
    Rotated {
        /// The one that signs.
        kid: String,
        /// The one that signed so far.
        retired: Option<String>,
    },
    /// A retired key left the set.
    Forgotten {
        /// Which.
        kid: String,
    },
    /// A key was dropped and revoked.
    Compromised {
        /// Which.
        kid: String,
    },
    /// What another encryption key had sealed was sealed anew.
    Resealed {
        /// How many values.
        values: usize,
    },
}

impl KeyEvent {
    /// Says it, once it is committed. Every event about keys passes here: the place for whoever else keeps a record.
    pub(super) fn emit(&self) {
        match self {
            Self::Generated { kid, state, activates_at_ms } => {
                let activates_at = rfc3339(*activates_at_ms);
                tracing::info!(kid, state = state.as_str(), activates_at, "keys.generated");
            }
            Self::Imported { kid, activates_at_ms } => {
                tracing::info!(kid, activates_at = rfc3339(*activates_at_ms), "keys.imported");
            }
            Self::Rotated { kid, retired } => tracing::info!(kid, retired, "keys.rotated"),
            Self::Forgotten { kid } => tracing::info!(kid, "keys.forgotten"),
            Self::Compromised { kid } => tracing::info!(kid, "keys.compromised"),
            Self::Resealed { values } => tracing::info!(values, "keys.resealed"),
        }
    }
}
