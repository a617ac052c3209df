//! The address of a user and the claims about a user, as an operator sets them. Neither ends a session: tokens carry
//! none of them, and `/oauth2/userinfo` reads them anew.

use uuid::Uuid;

use super::Administration;
use crate::accounts::AccountError;
use crate::accounts::address::take_address;
use crate::accounts::links::end_links_and_pending_address;
use crate::domain::{AuditKind, Email, ProfileClaims, User};
use crate::storage::users;

impl Administration {
    /// The claims about the user with this id; none if there is no such user.
    pub async fn profile(&self, id: Uuid) -> Result<ProfileClaims, AccountError> {
        let found = self.inner.unit_of_work.database().read(move |conn| {
            Ok::<_, AccountError>(users::find_with_profile(conn, id)?.map(|(_, profile, _)| profile))
        });
        Ok(found.await?.unwrap_or_default())
    }

    /// Changes the claims about a user by the members of a JSON object, of which `null` removes a claim.
    ///
    /// # Errors
    /// [`AccountError::Claims`] if the text is no JSON object, or a member is no claim or has a value of the wrong type.
    pub async fn set_claims(&self, name_or_id: &str, changes: String) -> Result<Option<User>, AccountError> {
        self.change(name_or_id, move |inner, transaction, user| {
            let found = users::find_with_profile(transaction.conn(), user.id)?;
            let before = found.map(|(_, profile, _)| profile).unwrap_or_default();
            let after = before.changed(&changes)?;
            let names = after.names_that_differ(&before);
            if names.is_empty() {
                return Ok(());
            }
            let now_ms = transaction.now_ms();
            users::set_profile(transaction.conn(), user.id, &after, now_ms)?;
            // The values are about a person, so that only the names are recorded.
            transaction.record(inner.event(AuditKind::ClaimsChanged, user).subject(names.join(" ")));
            Ok(())
        })
        .await
    }

    /// Replaces the e-mail address, and whether it is verified. A verified address belongs to one user: whoever had
    /// the same one keeps it unverified.
    pub async fn set_email(
        &self,
        name_or_id: &str,
        email: Email,
        is_verified: bool,
    ) -> Result<Option<User>, AccountError> {
        self.change(name_or_id, move |inner, transaction, user| {
            let now_ms = transaction.now_ms();
            if is_verified {
                take_address(transaction, user.id, &email, &inner.initiator)?;
            }
            if user.email.as_deref() == Some(email.as_str()) && user.email_verified == is_verified {
                return Ok(());
            }
            users::set_email(transaction.conn(), user.id, &email, is_verified, now_ms)?;
            end_links_and_pending_address(transaction, user.id)?;
            transaction.record(inner.event(AuditKind::EmailChanged, user).subject(verification(is_verified)));
            Ok(())
        })
        .await
    }
}

/// What the record says about an address. It does not contain the address.
fn verification(is_verified: bool) -> &'static str {
    if is_verified { "verified" } else { "unverified" }
}
