//! Verifies an identifier and a password. The cost is the same whether or not the user exists.

use super::judge::Guess;
use super::{AccountError, Accounts};
use crate::domain::{AuditEvent, AuditKind, Initiator, LoginSource, MailRequest, User};
use crate::storage::users;
use crate::tokens::VerifiedCredentials;

/// The outcome of an authentication.
#[derive(Clone, Debug)]
pub enum Authentication {
    /// The credentials are right. A session begins only if they are still the same when it is stored.
    Verified(VerifiedCredentials),
    /// The user is unknown or disabled, or the password is wrong. The caller does not learn which.
    Refused,
    /// The password is right, but the address has to be verified first. A new mail is on its way.
    EmailNotVerified,
}

impl Accounts {
    /// Verifies an identifier (a name, or a verified address) and a password that were presented by `client_id`. The attempt is
    /// counted for `source` and for the account. A refusal is recorded with the user's id. If the name is unknown it is not recorded at all, because it may be a password
    /// typed in the wrong field.
    pub async fn authenticate(
        &self,
        identifier: &str,
        password: &str,
        client_id: &str,
        source: LoginSource,
        initiator: &Initiator,
    ) -> Result<Authentication, AccountError> {
        let (typed, throttle) = (identifier.to_owned(), self.parts.throttle.clone());
        let caller = self.marks_of(&source, initiator);
        let database = self.parts.unit_of_work.database();
        let guess = database.read(move |conn| {
            let stored = users::find_by_identifier(conn, &typed)?;
            Ok::<_, AccountError>(Guess::read(conn, &throttle, &caller, stored, &typed)?)
        });
        let judged = self.judge(guess.await?, password, client_id, source, initiator).await?;
        let Some((proven, credentials)) = judged else { return Ok(Authentication::Refused) };
        if self.must_verify_first(&credentials.user) {
            self.send_verification(credentials.user, client_id, initiator).await?;
            return Ok(Authentication::EmailNotVerified);
        }
        Ok(Authentication::Verified(proven))
    }

    /// Whether this user may log in only after the address was verified.
    pub fn must_verify_first(&self, user: &User) -> bool {
        self.parts.policy.requires_verified_email && user.is_self_registered && !user.email_verified
    }

    /// Sends the verification mail again to a user whose right password is not enough. The refusal is recorded in any case.
    async fn send_verification(
        &self,
        user: User,
        client_id: &str,
        initiator: &Initiator,
    ) -> Result<(), AccountError> {
        let event = AuditEvent::new(AuditKind::LoginRefused, initiator).user(user.id).client(client_id);
        let event = event.reason("email_not_verified");
        let mail = self.mail(MailRequest::Verify { user_id: user.id }, initiator);
        let mail = mail.filter(|_| user.email.is_some());
        let counted = if mail.is_some() { self.count_mail(initiator).await } else { Ok(()) };
        let mail = mail.filter(|_| counted.is_ok());
        let queued = self.parts.unit_of_work.commit(move |transaction| {
            transaction.record(event.clone());
            if let Some(mail) = &mail {
                transaction.enqueue(mail.clone());
            }
            Ok::<_, AccountError>(())
        });
        queued.await?;
        counted
    }
}
