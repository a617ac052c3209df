//! The server's own secrets: the encryption key and the signing keys.

mod agree;
mod change;
mod event;
mod generate;
mod jwks;
mod master;
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
         bring the file back, or set keys.encryption_key to what it was"
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
    #[error("the signing key {0} is active and cannot be opened here: see keys.unusable in the log")]
    Unusable(String),
    /// The keys rotated several times while a token was being signed.
    #[error("the signing keys change too fast")]
    Outrun,
    /// There is no key with this id.
    #[error("no signing key has the id {0}")]
    UnknownKey(String),
    /// The key is in the set already.
    #[error("the signing key {0} is there already")]
    KnownKey(String),
    /// The key was revoked as compromised.
    #[error("the signing key {0} was revoked as compromised: make another one")]
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
        "the key set is full: verifiers need not take more than 64 keys; wait until one is gone (keys list)"
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
