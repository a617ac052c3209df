//! The error of a change of clients.

use service_kit::database::DatabaseError;

use crate::domain::{InvalidClient, InvalidClientId};

/// Why a change of clients did not happen. The text is one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum AdministrationError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// There is no such client.
    #[error("there is no client {0}")]
    Unknown(String),
    /// There is a client with this id already.
    #[error("there is a client {0} already")]
    Taken(String),
    /// The id is not valid.
    #[error("{0}")]
    Id(#[from] InvalidClientId),
    /// The metadata is not valid.
    #[error("{0}")]
    Invalid(#[from] InvalidClient),
    /// A public client has no secret.
    #[error("{0} is a public client: it has no secret")]
    NoSecret(String),
}
