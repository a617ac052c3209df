//! The errors of the token use cases that are not the caller's fault.

use service_kit::database::DatabaseError;

use crate::keys::KeysError;

/// Why a use case could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The database failed or had no free connection.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The token could not be signed.
    #[error(transparent)]
    Keys(#[from] KeysError),
}
