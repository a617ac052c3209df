//! Why a start fails.

use std::io;

use service_kit::config::InvalidSetting;
use service_kit::database::{DatabaseError, StartStepError};
use shared_claims::actix::InvalidOrigin;
use shared_claims::scope::InvalidScope;
use shared_claims::verifier::BuildError;

use super::MailerError;
use crate::clients::AdministrationError;
use crate::keys::KeysError;
use crate::pages::PageError;
use crate::revocation;

/// Why the service did not start. The message is one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database could not be opened or migrated.
    #[error("database.url: {0}")]
    Database(#[from] DatabaseError),
    /// The encryption key or the signing keys could not be opened.
    #[error("{0}")]
    Keys(#[from] KeysError),
    /// The declared clients could not be stored.
    #[error("clients: {0}")]
    Clients(#[from] AdministrationError),
    /// A declared client is not valid. Its secret's file may have changed since the settings were checked.
    #[error("{0}")]
    DeclaredClient(#[from] InvalidSetting),
    /// The projection of revocations, or the feed, did not start.
    #[error("{0}")]
    Revocation(#[from] revocation::StartError),
    /// A verifier of this service's own endpoints could not be built.
    #[error("{0}")]
    Verifier(#[from] BuildError),
    /// An origin that may use the cookies is not valid.
    #[error("http.cors_origins: {0}")]
    Origin(#[from] InvalidOrigin),
    /// The scope of first-party tokens is not valid.
    #[error("tokens.default_scope: {0}")]
    Scope(#[from] InvalidScope),
    /// A setting of the hosted pages, or a file that it names, cannot be used.
    #[error("{0}")]
    Pages(#[from] PageError),
    /// A setting for mail, or the file that it names, cannot be used.
    #[error("{0}")]
    Mail(#[from] MailerError),
    /// A metric could not be registered.
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// A listener could not be opened.
    #[error("{0}")]
    Listen(#[from] io::Error),
}

impl StartStepError for StartError {
    fn database_error(&self) -> Option<&DatabaseError> {
        match self {
            Self::Database(error)
            | Self::Keys(KeysError::Database(error))
            | Self::Clients(AdministrationError::Database(error)) => Some(error),
            Self::Keys(_)
            | Self::Clients(_)
            | Self::DeclaredClient(_)
            | Self::Revocation(_)
            | Self::Verifier(_)
            | Self::Origin(_)
            | Self::Scope(_)
            | Self::Pages(_)
            | Self::Mail(_)
            | Self::Metrics(_)
            | Self::Listen(_) => None,
        }
    }
}
