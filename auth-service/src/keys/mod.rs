//! The server's own secrets: the key that seals them, and the keys that sign.

mod agree;
mod generate;
mod jwks;
mod master;
mod provider;
mod ring;
mod seal;
mod signing_key;
mod store;
#[cfg(test)]
mod tests;

pub use agree::{SecretName, agree_on_database_id, agree_on_secret, has_sealed};
pub use jwks::{Jwk, JwkSet, PublishedKeys};
pub use master::MasterKey;
pub use seal::Sealer;
pub use signing_key::SigningKey;
pub use store::{KeyStore, KeyStoreSettings};

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
    /// The key file is gone, and what it sealed is still there.
    #[error(
        "keys.encryption_key is unset and {0} does not exist, but the database holds keys that were sealed before: \
         bring the file back, or set keys.encryption_key to what it was"
    )]
    Missing(String),
    /// Another key sealed what is in the database.
    #[error(
        "keys.encryption_key: the database's {0} was sealed with another key; start with the key that was used before"
    )]
    WrongKey(String),
    /// What was sealed is not what it should be.
    #[error("the database's {0} is damaged")]
    Damaged(String),
    /// The key could not be generated.
    #[error("cannot generate an RSA key: {0}")]
    Generate(String),
    /// A signature did not verify.
    #[error("the signing self-test failed: {0}")]
    SelfTest(String),
    /// The cryptography library refused.
    #[error("cryptography failed")]
    Crypto,
    /// No connection, or too much waiting for one.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The query failed.
    #[error(transparent)]
    Query(#[from] QueryError),
}

impl From<aws_lc_rs::error::Unspecified> for KeysError {
    fn from(_: aws_lc_rs::error::Unspecified) -> Self {
        Self::Crypto
    }
}
