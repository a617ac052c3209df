//! The server's own secrets: the key that seals them, and the keys that sign.

mod agree;
mod change;
mod event;
mod generate;
mod jwks;
mod master;
mod provider;
mod reencrypt;
mod ring;
mod rotation;
mod seal;
mod signing_key;
mod store;
#[cfg(test)]
mod tests;

pub use agree::{SecretName, agree_on_database_id, agree_on_secret, has_sealed};
pub use event::KeyEvent;
pub use jwks::{Jwk, JwkSet, PublishedKeys};
pub use master::MasterKey;
pub use reencrypt::Reencrypted;
pub use rotation::{KeyStoreSettings, Rotation, stored_keys};
pub use seal::{Sealed, Sealer};
pub use signing_key::SigningKey;
pub use store::KeyStore;

use diesel::result::Error as QueryError;
use service_kit::database::DatabaseError;

/// Why there are no keys. The text is the line that stops the start.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The setting is no key.
    #[error(
        "keys.encryption_key: must be 32 bytes as base64 or as 64 hexadecimal digits, or any other text of at least 32 \
         characters"
    )]
    Malformed,
    /// The key file is there, and something else is in it.
    #[error("keys.master_key_path: {0} does not hold a key of 32 bytes as base64")]
    File(String),
    /// The key file cannot be read or made.
    #[error("keys.master_key_path: {path}: {error}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// Others may read or write the key file.
    #[error("keys.master_key_path: {0} can be read or changed by others than its owner: chmod 600 {0}")]
    Exposed(String),
    /// Others may put another file in its place.
    #[error("keys.master_key_path: anybody can replace files in {0}: chmod o-w {0}")]
    OpenFolder(String),
    /// The key file is gone, and what it sealed is still there.
    #[error(
        "keys.encryption_key is unset and {0} does not exist, but the database holds keys that were sealed before: \
         bring the file back, or set keys.encryption_key to what it was"
    )]
    Missing(String),
    /// Another key sealed what is in the database.
    #[error(
        "keys.encryption_key: the database's {0} was sealed with another key; start with the key that was used before, \
         or name that in keys.previous_encryption_keys"
    )]
    WrongKey(String),
    /// What was sealed is not what it should be.
    #[error("the database's {0} is damaged")]
    Damaged(String),
    /// The active key cannot be opened here.
    #[error("the signing key {0} is active and cannot be opened here: see keys.unusable in the log")]
    Unusable(String),
    /// The keys rotated again and again while a token was to be signed.
    #[error("the signing keys change too fast")]
    Outrun,
    /// There is no key of that id.
    #[error("no signing key has the id {0}")]
    UnknownKey(String),
    /// The key is in the set already.
    #[error("the signing key {0} is there already")]
    KnownKey(String),
    /// The key was revoked as compromised.
    #[error("the signing key {0} was revoked as compromised: make another one")]
    RevokedKey(String),
    /// The file is no key of ours.
    #[error("the file cannot be used: {0}")]
    Import(String),
    /// The key could not be generated.
    #[error("cannot generate an RSA key: {0}")]
    Generate(String),
    /// A signature did not verify.
    #[error("the signing self-test failed: {0}")]
    SelfTest(String),
    /// The cryptography library refused.
    #[error("cryptography failed")]
    Crypto,
    /// The key set is full.
    #[error(
        "the key set is full: verifiers need not take more than 64 keys; wait until one is gone (keys list)"
    )]
    Full,
    /// No connection, too much waiting for one, or the query failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<QueryError> for KeysError {
    fn from(error: QueryError) -> Self {
        Self::Database(error.into())
    }
}

impl From<aws_lc_rs::error::Unspecified> for KeysError {
    fn from(_: aws_lc_rs::error::Unspecified) -> Self {
        Self::Crypto
    }
}
