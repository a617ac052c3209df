//! The secret of a confidential client.

use std::fmt;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;

/// The prefix by which secret scanners find client secrets.
const PREFIX: &str = "lks_";

/// A client secret in plain: 256 random bits. It is shown once and never stored.
#[derive(Clone)]
pub struct ClientSecretPlain(String);

impl ClientSecretPlain {
    /// Makes a new secret from random bytes.
    pub fn from_random(random: [u8; 32]) -> Self {
        Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random)))
    }

    /// Takes a secret that a caller presents or an operator declares.
    pub fn presented(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The hash that is stored.
    pub fn hash(&self) -> ClientSecretHash {
        let digest = digest::digest(&digest::SHA256, self.0.as_bytes());
        let mut hash = [0; 32];
        hash.copy_from_slice(digest.as_ref());
        ClientSecretHash(hash)
    }

    /// The secret as text. Only for the one response that shows it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ClientSecretPlain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecretPlain([redacted])")
    }
}

/// The SHA-256 of a secret. A fast hash is safe here because 256 random bits cannot be guessed, unlike a password.
#[derive(Clone, Copy)]
pub struct ClientSecretHash([u8; 32]);

impl ClientSecretHash {
    /// Reads a stored hash; `None` if it does not have 32 bytes.
    pub fn from_stored(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The digest's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Compares two hashes in constant time.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for ClientSecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecretHash([redacted])")
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
        assert!(plain.hash().matches(&ClientSecretPlain::presented(plain.expose()).hash()));
        assert!(!plain.hash().matches(&ClientSecretPlain::presented("lks_").hash()));
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
