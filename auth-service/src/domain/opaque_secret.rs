//! Opaque secrets: authorization codes, client secrets and refresh tokens.
//!
//! The plain secret is shown once and never stored; the database has its hash. A secret is typed by the record that it
//! belongs to, so a code cannot be passed where a refresh token is expected.

use std::fmt;
use std::marker::PhantomData;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;

/// The number of random bytes in a secret. So many cannot be guessed, which is why a fast hash is safe here, unlike for
/// a password.
pub(super) const RANDOM_BYTES: usize = 32;

/// A record that is found by an opaque secret.
pub trait OpaqueKind {
    /// The prefix by which secret scanners find such secrets.
    const PREFIX: &'static str;
    /// The values that the issuer can read from such a secret; `()` for one that is only random.
    type Content: Clone + PartialEq + Eq;

    /// Reads the bytes of a secret; `None` if they cannot be one.
    fn read(bytes: &[u8]) -> Option<Self::Content>;
}

/// The content of a secret that is only random: nothing, if it has the right length.
pub(super) fn only_random(bytes: &[u8]) -> Option<()> {
    (bytes.len() == RANDOM_BYTES).then_some(())
}

/// A secret in plain. Redacted in `Debug`.
pub struct OpaqueSecret<Kind: OpaqueKind> {
    text: String,
    pub(super) content: Kind::Content,
}

impl<Kind: OpaqueKind> OpaqueSecret<Kind> {
    /// Makes the secret with these bytes, which have this content.
    pub(super) fn of(bytes: &[u8], content: Kind::Content) -> Self {
        Self { text: format!("{}{}", Kind::PREFIX, URL_SAFE_NO_PAD.encode(bytes)), content }
    }

    /// Parses what a caller presents; `None` if it cannot be a secret of this kind.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(Kind::PREFIX)?).ok()?;
        Some(Self { text: text.to_owned(), content: Kind::read(&bytes)? })
    }

    /// The hash that is stored.
    pub fn hash(&self) -> SecretHash<Kind> {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, self.text.as_bytes()).as_ref());
        SecretHash(hash, PhantomData)
    }

    /// The secret as text. Only for the response that gives it to its owner.
    pub fn expose(&self) -> &str {
        &self.text
    }
}

impl<Kind: OpaqueKind<Content = ()>> OpaqueSecret<Kind> {
    /// Makes a new secret from random bytes.
    pub fn from_random(random: [u8; RANDOM_BYTES]) -> Self {
        Self::of(&random, ())
    }

    /// Takes a text of any form as the secret.
    pub(super) fn from_text(text: &str) -> Self {
        Self { text: text.to_owned(), content: () }
    }
}

impl<Kind: OpaqueKind> Clone for OpaqueSecret<Kind> {
    fn clone(&self) -> Self {
        Self { text: self.text.clone(), content: self.content.clone() }
    }
}

impl<Kind: OpaqueKind> PartialEq for OpaqueSecret<Kind> {
    fn eq(&self, other: &Self) -> bool {
        self.text.as_bytes().ct_eq(other.text.as_bytes()).into()
    }
}

impl<Kind: OpaqueKind> Eq for OpaqueSecret<Kind> {}

impl<Kind: OpaqueKind> fmt::Debug for OpaqueSecret<Kind> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[redacted]", Kind::PREFIX)
    }
}

/// The SHA-256 of a secret, which is stored in place of the secret. Redacted in `Debug`.
pub struct SecretHash<Kind>([u8; 32], PhantomData<fn() -> Kind>);

impl<Kind> SecretHash<Kind> {
    /// Reads a stored hash; `None` if it does not have 32 bytes.
    pub fn from_stored(bytes: &[u8]) -> Option<Self> {
        Some(Self(bytes.try_into().ok()?, PhantomData))
    }

    /// The bytes of the hash.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Compares in constant time.
impl<Kind> PartialEq for SecretHash<Kind> {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl<Kind> Eq for SecretHash<Kind> {}

impl<Kind> Clone for SecretHash<Kind> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Kind> Copy for SecretHash<Kind> {}

impl<Kind> fmt::Debug for SecretHash<Kind> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash([redacted])")
    }
}
