//! Events about signing keys and their audit events.

use crate::domain::signing_key::KeyState;
use crate::domain::{AuditEvent, AuditKind, Initiator};

/// Something that happened to the set of keys. Its audit event is committed in the same transaction: see
/// [`KeyEvent::audit`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyEvent {
    /// A key was generated.
    Generated {
        /// The key id.
        kid: String,
        /// The state: active, or published first.
        state: KeyState,
    },
    /// A key was imported from a file.
    Imported {
        /// The key id.
        kid: String,
    },
    /// Another key became the active one.
    Rotated {
        /// The id of the new active key.
        kid: String,
    },
    /// A retired key left the set.
    Forgotten {
        /// The key id.
        kid: String,
    },
    /// A compromised key was removed and revoked.
    Compromised {
        /// The key id.
        kid: String,
    },
    /// A value that another encryption key had encrypted was encrypted anew.
    Resealed {
        /// The id of the signing key, or the name of the secret.
        name: String,
    },
}

impl KeyEvent {
    /// The audit event for it.
    pub(super) fn audit(&self, initiator: &Initiator) -> AuditEvent {
        let about = |kind, subject: &String| AuditEvent::new(kind, initiator).subject(subject.clone());
        match self {
            Self::Generated { kid, state } => about(AuditKind::KeyGenerated, kid).reason(state.as_str()),
            Self::Imported { kid } => about(AuditKind::KeyImported, kid),
            Self::Rotated { kid } => about(AuditKind::KeyRotated, kid),
            Self::Forgotten { kid } => about(AuditKind::KeyForgotten, kid),
            Self::Compromised { kid } => about(AuditKind::KeyCompromised, kid),
            Self::Resealed { name } => about(AuditKind::SecretsResealed, name),
        }
    }
}
