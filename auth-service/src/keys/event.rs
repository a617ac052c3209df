//! What happens to keys, said in one place.

use crate::domain::signing_key::KeyState;
use crate::domain::{AuditEvent, AuditKind, Origin};

/// Something that happened to the set of keys. What becomes of it is committed with it: see [`KeyEvent::audit`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyEvent {
    /// A key was made.
    Generated {
        /// Which.
        kid: String,
        /// Whether it signs, or is published first.
        state: KeyState,
    },
    /// A key came from a file.
    Imported {
        /// Which.
        kid: String,
    },
    /// Another key signs.
    Rotated {
        /// The one that signs.
        kid: String,
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
        /// Which: a signing key's id, or a secret's name.
        name: String,
    },
}

impl KeyEvent {
    /// The record of it.
    pub(super) fn audit(&self, origin: &Origin) -> AuditEvent {
        let about = |kind, subject: &String| AuditEvent::new(kind, origin).subject(subject.clone());
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
