//! The mails that an operator causes: invitations, and the verification mail again.

use super::Administration;
use crate::accounts::AccountError;
use crate::accounts::letters::message;
use crate::domain::{AuditEvent, AuditKind, Email, LinkPurpose, LinkToken, MailRequest, MailedLink, User};
use crate::storage::mailed_links;

/// An invitation whose link is given to the operator.
#[derive(Debug)]
pub struct Invited {
    /// The token of the link.
    pub token: LinkToken,
    /// Until when the link works, in milliseconds since 1970.
    pub ends_at_ms: i64,
}

impl Administration {
    /// Invites somebody by mail to register.
    pub async fn invite(&self, email: &Email, language: Option<&'static str>) -> Result<(), AccountError> {
        let inner = &self.inner;
        let mut initiator = inner.initiator.clone();
        initiator.language = language;
        let mail = message(MailRequest::Invitation { email: email.as_str().to_owned() }, &initiator);
        let queued = inner.unit_of_work.commit(move |transaction| {
            transaction.enqueue(mail.clone());
            transaction.record(AuditEvent::new(AuditKind::UserInvited, &initiator).reason("mailed"));
            Ok::<_, AccountError>(())
        });
        queued.await.map(drop)
    }

    /// Makes an invitation that the operator passes on.
    pub async fn make_invitation(&self, email: &Email) -> Result<Invited, AccountError> {
        let inner = &self.inner;
        let random = inner.unit_of_work.random();
        let (token, message_id) = (LinkToken::from_random(random.bytes()), random.uuid());
        let (hash, email, initiator) = (token.hash(), email.clone(), inner.initiator.clone());
        let made = inner.unit_of_work.commit(move |transaction| {
            let (now_ms, key) = (transaction.now_ms(), email.key().to_owned());
            let link = MailedLink::new(LinkPurpose::Invitation, None, email.as_str(), key, now_ms);
            mailed_links::insert(transaction.conn(), &hash, &link, message_id)?;
            transaction.record(AuditEvent::new(AuditKind::UserInvited, &initiator).reason("printed"));
            Ok::<_, AccountError>(link.expires_at_ms)
        });
        Ok(Invited { token, ends_at_ms: made.await?.value })
    }

    /// Sends the verification mail to a user again. Nothing is sent to a user whose address is verified, or who has none.
    pub async fn send_verification(&self, name_or_id: &str) -> Result<Option<User>, AccountError> {
        self.change(name_or_id, |inner, transaction, user| {
            if user.email.is_some() && !user.email_verified {
                transaction.enqueue(message(MailRequest::Verify { user_id: user.id }, &inner.initiator));
            }
            Ok(())
        })
        .await
    }
}
