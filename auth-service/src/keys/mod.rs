//! The server's own secrets: the encryption key and the signing keys.

mod change;
mod generate;
mod jwks;
mod loaded_keys;
mod master;
mod rotation;
mod seal;
mod secrets;
mod signing_key;
mod store;
#[cfg(test)]
mod tests;

pub use change::KeyEvent;
pub use jwks::{Jwk, JwkSet, PublishedKeys};
pub use master::MasterKey;
pub use rotation::{KeyStoreSettings, Reencrypted, Rotation, stored_keys};
pub use seal::{Sealed, Sealer};
pub use secrets::{SecretName, ensure_database_id, ensure_secret, has_sealed_values};
pub use signing_key::SigningKey;
pub use store::KeyStore;

use service_kit::database::DatabaseError;

/// An error of the keys. At the start, the message is the line with which the service stops.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The setting is not a valid key.
    #[error(
        "keys.encryption_key: must be 32 bytes as base64 or as 64 hexadecimal digits, or any other text of at least 32 \
         characters"
    )]
    Malformed,
    /// The key file exists, but does not contain a key.
    #[error("keys.master_key_path: {0} does not hold a key of 32 bytes as base64")]
    File(String),
    /// The key file cannot be read or created.
    #[error("keys.master_key_path: {path}: {error}")]
    Unreadable {
        /// The path of the file.
        path: String,
        /// The cause.
        error: std::io::Error,
    },
    /// Other users may read or write the key file.
    #[error("keys.master_key_path: {0} can be read or changed by others than its owner: chmod 600 {0}")]
    Exposed(String),
    /// Other users may replace the key file.
    #[error("keys.master_key_path: anybody can replace files in {0}: chmod o-w {0}")]
    OpenFolder(String),
    /// The key file is missing, but the database contains values that it encrypted.
    #[error(
        "keys.encryption_key is unset and {0} does not exist, but the database holds keys that were sealed before: \
         restore the file, or set keys.encryption_key to its former value"
    )]
    Missing(String),
    /// A value in the database was encrypted with an unknown key.
    #[error(
        "keys.encryption_key: the database's {0} was sealed with another key; start with the key that was used before, \
         or name that in keys.previous_encryption_keys"
    )]
    WrongKey(String),
    /// An encrypted value is damaged.
    #[error("the database's {0} is damaged")]
    Damaged(String),
    /// The active signing key cannot be decrypted by this process.
    #[error(
        "the signing key {0} is active and cannot be decrypted by this process: see keys.unusable in the log"
    )]
    Unusable(String),
    /// The keys rotated several times while a token was being signed.
    #[error("the signing keys rotated again and again while a token was being signed")]
    RotatedWhileSigning,
    /// There is no key with this id.
    #[error("no signing key has the id {0}")]
    UnknownKey(String),
    /// The key is in the set already.
    #[error("the signing key {0} is in the key set already")]
    KnownKey(String),
    /// The key was revoked as compromised.
    #[error("the signing key {0} was revoked as compromised: use another key")]
    RevokedKey(String),
    /// The file is not a key that can be used.
    #[error("the file cannot be used: {0}")]
    Import(String),
    /// Generating a key failed.
    #[error("cannot generate an RSA key: {0}")]
    Generate(String),
    /// The signature of the self-test did not verify.
    #[error("the signing self-test failed: {0}")]
    SelfTest(String),
    /// The cryptography library reported an error.
    #[error("cryptography failed")]
    Crypto,
    /// The key set is full.
    #[error(
        "the key set is full, because verifiers need not accept more than 64 keys: wait until a retired key leaves it (keys list)"
    )]
    Full,
    /// The database failed or had no free connection.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<aws_lc_rs::error::Unspecified> for KeysError {
    fn from(_: aws_lc_rs::error::Unspecified) -> Self {
        Self::Crypto
    }
}
