//! The secret of a confidential client.

use std::fmt;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;

/// What secret scanners look for.
const PREFIX: &str = "lks_";

/// A client secret in plain: 256 random bits, shown once, stored nowhere.
#[derive(Clone)]
pub struct ClientSecretPlain(String);

impl ClientSecretPlain {
    /// A new one.
    pub fn from_random(random: [u8; 32]) -> Self {
        Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random)))
    }

    /// What a caller presents, or an operator declares.
    pub fn presented(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// What is stored.
    pub fn hash(&self) -> ClientSecretHash {
        let digest = digest::digest(&digest::SHA256, self.0.as_bytes());
        let mut hash = [0; 32];
        hash.copy_from_slice(digest.as_ref());
        ClientSecretHash(hash)
    }

    /// The secret: for the one answer that shows it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ClientSecretPlain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecretPlain([redacted])")
    }
}

/// The SHA-256 of a secret. A secret is no password: nobody can guess 256 random bits, however fast the hash.
#[derive(Clone, Copy)]
pub struct ClientSecretHash([u8; 32]);

impl ClientSecretHash {
    /// The hash as it was stored; `None` for something else.
    pub fn from_stored(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The digest.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether they are the same, in a time that does not tell how much of them is.
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
    /// When it was made.
    pub created_at_ms: i64,
    /// When it ends: set on the one that a rotation replaced.
    pub expires_at_ms: Option<i64>,
}

impl ClientSecret {
    /// Whether it opens the door at `now_ms`.
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
