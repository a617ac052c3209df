//! The address of a user: asking for another one, and verifying one.

use service_kit::database::DatabaseError;
use uuid::Uuid;

use super::links::{DeadLink, FoundLink, LinkPage, end_links_and_pending_address, lock_live_link};
use super::{AccountError, Accounts};
use crate::domain::{
    AuditEvent, AuditKind, Email, Initiator, InvalidEmail, LinkPurpose, LinkState, LinkToken, LinkTokenHash,
    MailRequest, NoticeKind,
};
use crate::storage::{Transaction, mailed_links, users};

/// How long ago a session may have signed in to verify an address without a password, in seconds.
pub const RECENT_SIGN_IN_S: i64 = 3_600;

/// The outcome of the wish for another address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressChange {
    /// The new address gets a link. Nothing changes before that was confirmed.
    Requested,
    /// The password is wrong.
    WrongPassword,
    /// The address cannot be used.
    Invalid(InvalidEmail),
    /// This service sends no mail.
    NoMail,
}

/// What shows that the account of a link is the own one. Whoever owns the mailbox alone must not verify it for somebody
/// else's account.
#[derive(Clone, Copy, Debug, Default)]
pub struct AddressProof<'a> {
    /// The session of the request: its user, and when the user signed in, in seconds.
    pub session: Option<(Uuid, i64)>,
    /// The password of the account.
    pub password: Option<&'a str>,
}

/// The outcome of a verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressVerification {
    /// The address is verified.
    Verified,
    /// Neither a session of the account that signed in recently, nor its password. The link stays good.
    NotProven,
    /// The link does not work.
    Dead(DeadLink),
}

impl Accounts {
    /// Asks for another address. It replaces one that is pending.
    pub async fn request_address_change(
        &self,
        user_id: Uuid,
        email: &str,
        password: &str,
        client_id: &str,
        initiator: &Initiator,
    ) -> Result<AddressChange, AccountError> {
        let email = match Email::parse(email.trim()) {
            Ok(email) => email,
            Err(invalid) => return Ok(AddressChange::Invalid(invalid)),
        };
        let request = MailRequest::Change { user_id, email: email.as_str().to_owned() };
        let Some(mail) = self.mail(request, initiator) else { return Ok(AddressChange::NoMail) };
        let stored = self.find_credentials(user_id).await?;
        let Some((proven, _)) = self.judge_stored(stored, user_id, password, client_id, initiator).await?
        else {
            return Ok(AddressChange::WrongPassword);
        };
        self.count_mail(initiator).await?;
        let (accounts, initiator) = (self.clone(), initiator.clone());
        let requested = self.parts.unit_of_work.commit(move |transaction| {
            let Some(user) = proven.lock(transaction)? else { return Ok(false) };
            let now_ms = transaction.now_ms();
            users::set_pending_email(transaction.conn(), user_id, Some(&email), now_ms)?;
            mailed_links::end_some_of_user(transaction.conn(), user_id, LinkPurpose::Change, now_ms)?;
            transaction.enqueue(mail.clone());
            transaction.record(AuditEvent::new(AuditKind::EmailChangeRequested, &initiator).user(user_id));
            accounts.notify(transaction, &user, NoticeKind::AddressChangeRequested, &initiator);
            Ok::<_, AccountError>(true)
        });
        Ok(if requested.await?.value { AddressChange::Requested } else { AddressChange::WrongPassword })
    }

    /// Verifies the address that a link was sent to.
    pub async fn verify_address(
        &self,
        token: &str,
        proof: AddressProof<'_>,
        client_id: &str,
        initiator: &Initiator,
    ) -> Result<AddressVerification, AccountError> {
        let page = LinkPage::VerifyEmail;
        let (Some(parsed), Some(found)) = (LinkToken::parse(token), self.find_link(token, page).await?)
        else {
            return Ok(AddressVerification::Dead(DeadLink::Over));
        };
        let dead = AddressVerification::Dead(found.dead());
        let owner = found.owner.as_ref().filter(|_| found.state == LinkState::Live);
        let Some(user_id) = owner.map(|owner| owner.user.id) else { return Ok(dead) };
        if !self.is_proven(found, user_id, proof, client_id, initiator).await? {
            return Ok(AddressVerification::NotProven);
        }
        let (accounts, hash, initiator) = (self.clone(), parsed.hash(), initiator.clone());
        let verified = self
            .parts
            .unit_of_work
            .commit(move |transaction| accounts.decide_verification(transaction, &hash, user_id, &initiator));
        if verified.await?.value {
            return Ok(AddressVerification::Verified);
        }
        let found = self.find_link(token, page).await?;
        Ok(AddressVerification::Dead(found.map_or(DeadLink::Over, |found| found.dead())))
    }

    async fn is_proven(
        &self,
        found: FoundLink,
        user_id: Uuid,
        proof: AddressProof<'_>,
        client_id: &str,
        initiator: &Initiator,
    ) -> Result<bool, AccountError> {
        let now_s = self.parts.unit_of_work.clock().now_seconds();
        let is_own_and_recent = |(user, signed_in_s): (Uuid, i64)| {
            user == user_id && now_s <= signed_in_s.saturating_add(RECENT_SIGN_IN_S)
        };
        if proof.session.is_some_and(is_own_and_recent) {
            return Ok(true);
        }
        let Some(password) = proof.password else { return Ok(false) };
        Ok(self.judge_stored(found.owner, user_id, password, client_id, initiator).await?.is_some())
    }

    fn decide_verification(
        &self,
        transaction: &mut Transaction<'_>,
        hash: &LinkTokenHash,
        user_id: Uuid,
        initiator: &Initiator,
    ) -> Result<bool, AccountError> {
        let live = lock_live_link(transaction, hash, LinkPage::VerifyEmail, user_id)?;
        let Some((link, owner)) = live else { return Ok(false) };
        // The address was parsed when it was asked for; an older release may have stored one that is refused now.
        let Ok(email) = Email::parse(&link.email) else { return Ok(false) };
        let now_ms = transaction.now_ms();
        if !mailed_links::consume(transaction.conn(), hash, None, now_ms)? {
            return Ok(false);
        }
        take_address(transaction, user_id, &email, initiator)?;
        users::set_email(transaction.conn(), user_id, &email, true, now_ms)?;
        end_links_and_pending_address(transaction, user_id)?;
        let event = AuditEvent::new(AuditKind::EmailChanged, initiator).user(user_id).subject("verified");
        transaction.record(event.reason(link.purpose.as_str()));
        if link.purpose == LinkPurpose::Change {
            self.notify(transaction, &owner.user, NoticeKind::AddressChanged, initiator);
        }
        Ok(true)
    }
}

/// A verified address belongs to one user: whoever else had this one verified keeps it unverified. The caller holds the
/// user's lock, and sets the address in this transaction.
pub(super) fn take_address(
    transaction: &mut Transaction<'_>,
    user_id: Uuid,
    email: &Email,
    initiator: &Initiator,
) -> Result<(), DatabaseError> {
    let now_ms = transaction.now_ms();
    for other in users::take_verified_email(transaction.conn(), user_id, email, now_ms)? {
        let event = AuditEvent::new(AuditKind::EmailChanged, initiator).user(other);
        transaction.record(event.subject("unverified").reason("taken"));
    }
    Ok(())
}
