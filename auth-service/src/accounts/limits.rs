//! Counts what callers cause besides logins: registrations, and mails to others.

use super::{AccountError, Accounts};
use crate::domain::{CallerNetwork, Initiator};
use crate::throttle::Counted;

impl Accounts {
    /// Counts a registration whose fields are all valid, for the caller's network.
    ///
    /// # Errors
    /// [`AccountError::Throttled`] if there were too many.
    pub(super) async fn count_registration(&self, initiator: &Initiator) -> Result<(), AccountError> {
        self.count(Counted::Registration(network_of(initiator))).await
    }

    /// Counts a mail that a stranger can cause, for the caller's network. Notices to the owner of an account are not
    /// counted: they come with the mail that is, or with a change that needed the password.
    ///
    /// # Errors
    /// [`AccountError::Throttled`] if there were too many.
    pub(super) async fn count_mail(&self, initiator: &Initiator) -> Result<(), AccountError> {
        self.count(Counted::Mail(network_of(initiator))).await
    }

    async fn count(&self, what: Counted) -> Result<(), AccountError> {
        self.parts.throttle.count(&what).await.map_err(AccountError::Throttled)
    }
}

fn network_of(initiator: &Initiator) -> CallerNetwork {
    CallerNetwork::of(initiator.device.address.as_deref())
}
