//! The secret of a confidential client.

use super::opaque_secret::{OpaqueKind, OpaqueSecret, SecretHash, only_random};

/// A client secret in plain: 256 random bits, or a secret that an operator declares.
pub type ClientSecretPlain = OpaqueSecret<ClientSecret>;

/// The hash of a client secret.
pub type ClientSecretHash = SecretHash<ClientSecret>;

impl OpaqueKind for ClientSecret {
    const PREFIX: &'static str = "lks_";
    type Content = ();

    fn read(bytes: &[u8]) -> Option<()> {
        only_random(bytes)
    }
}

impl ClientSecretPlain {
    /// Takes a secret that a caller presents or an operator declares. It may have any form.
    pub fn presented(text: &str) -> Self {
        Self::from_text(text)
    }
}

/// A secret as it stands in the database.
#[derive(Clone, Debug)]
pub struct ClientSecret {
    /// The hash.
    pub hash: ClientSecretHash,
    /// When it was created.
    pub created_at_ms: i64,
    /// When it expires. Only set for a secret that a rotation replaced.
    pub expires_at_ms: Option<i64>,
}

impl ClientSecret {
    /// Whether the secret has not expired at `now_ms`.
    pub fn is_valid(&self, now_ms: i64) -> bool {
        self.expires_at_ms.is_none_or(|end| now_ms < end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_known_by_its_hash_and_shown_nowhere() {
        let plain = ClientSecretPlain::from_random([7; 32]);
        assert!(plain.expose().starts_with("lks_") && plain.expose().len() == 47);
        assert_eq!(plain.hash(), ClientSecretPlain::presented(plain.expose()).hash());
        assert_ne!(plain.hash(), ClientSecretPlain::presented("lks_").hash());
        let shown = format!("{plain:?} {:?}", plain.hash());
        assert!(!shown.contains("Bwc") && !shown.contains('7'), "{shown}");
    }

    #[test]
    fn a_replaced_secret_ends() {
        let hash = ClientSecretPlain::presented("x").hash();
        let secret = |expires_at_ms| ClientSecret { hash, created_at_ms: 0, expires_at_ms };
        assert!(secret(None).is_valid(i64::MAX));
        assert!(secret(Some(10)).is_valid(9) && !secret(Some(10)).is_valid(10));
    }
}
