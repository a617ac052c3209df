//! Mailed links: asking for one, what its page shows, and choosing a new password with one.

use service_kit::database::{DatabaseError, DbConnection};
use uuid::Uuid;

use super::locks::forget_guesses;
use super::register::InvalidField;
use super::{AccountError, Accounts};
use crate::domain::{
    AuditEvent, AuditKind, Credentials, EndReason, Identifier, Initiator, LinkPurpose, LinkState, LinkToken,
    LinkTokenHash, MailRequest, MailedLink, NoticeKind, PasswordHash, User,
};
use crate::storage::{Transaction, consents, mailed_links, users};

/// What became of the wish for a mail. It does not say whether anybody gets one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailWish {
    /// It is in the queue.
    Queued,
    /// What was typed can be neither a name nor an address.
    Invalid,
    /// This service sends no mail.
    NoMail,
}

/// A page that is opened by a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkPage {
    /// `/reset-password`.
    ResetPassword,
    /// `/verify-email`.
    VerifyEmail,
    /// `/register`.
    Register,
}

impl LinkPage {
    fn is_for(self, purpose: LinkPurpose) -> bool {
        match purpose {
            LinkPurpose::Reset => self == Self::ResetPassword,
            LinkPurpose::Verify | LinkPurpose::Change => self == Self::VerifyEmail,
            LinkPurpose::Invitation => self == Self::Register,
        }
    }
}

/// Why a link does not work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadLink {
    /// It was used.
    Used,
    /// Its time is up, the password or the address was changed since, or there never was such a link.
    Over,
}

/// A link that works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveLink {
    /// Its user; `None` for an invitation.
    pub user: Option<LinkedUser>,
    /// The address that it was sent to.
    pub email: String,
}

/// The user of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkedUser {
    /// The id.
    pub id: Uuid,
    /// The name.
    pub username: String,
}

/// The outcome of a reset.
#[derive(Debug)]
pub enum Reset {
    /// The password is the new one.
    Done,
    /// The link does not work.
    Dead(DeadLink),
    /// The new password breaks rules.
    Invalid(Vec<InvalidField>),
}

/// A link with its user, as they were read.
pub(super) struct FoundLink {
    pub(super) link: MailedLink,
    pub(super) owner: Option<Credentials>,
    pub(super) state: LinkState,
}

impl FoundLink {
    pub(super) fn dead(&self) -> DeadLink {
        match self.state {
            LinkState::Used | LinkState::Replayable => DeadLink::Used,
            LinkState::Live | LinkState::Over => DeadLink::Over,
        }
    }
}

/// Finds the link with this token, if it is one for this page.
pub(super) fn find_link(
    conn: &mut DbConnection,
    hash: &LinkTokenHash,
    page: LinkPage,
    now_ms: i64,
) -> Result<Option<FoundLink>, DatabaseError> {
    let Some(link) = mailed_links::find(conn, hash)?.filter(|link| page.is_for(link.purpose)) else {
        return Ok(None);
    };
    let owner = match link.user_id {
        Some(id) => users::find_credentials(conn, id)?,
        None => None,
    };
    let state = link.state(owner.as_ref().map(|found| (&found.user, found.version)), now_ms);
    Ok(Some(FoundLink { link, owner, state }))
}

/// Finds a live link under the lock of its user. The lock comes first, so that no change of the user comes in between.
pub(super) fn lock_live_link(
    transaction: &mut Transaction<'_>,
    hash: &LinkTokenHash,
    page: LinkPage,
    user_id: Uuid,
) -> Result<Option<(MailedLink, Credentials)>, DatabaseError> {
    users::lock(transaction.conn(), user_id)?;
    let now_ms = transaction.now_ms();
    let found = find_link(transaction.conn(), hash, page, now_ms)?;
    let live = found.filter(|found| found.state == LinkState::Live && found.link.user_id == Some(user_id));
    Ok(live.and_then(|found| Some((found.link, found.owner?))))
}

impl Accounts {
    /// Somebody forgot a password: queues what was typed. Who that is, if anybody, is looked up when the mail is sent, so
    /// that the answer is the same for all, in time, too.
    pub async fn forgot(&self, typed: &str, initiator: &Initiator) -> Result<MailWish, AccountError> {
        self.wish(typed, |identifier| MailRequest::Forgot { identifier }, initiator).await
    }

    /// Somebody wants the verification mail again.
    pub async fn request_verification(
        &self,
        typed: &str,
        initiator: &Initiator,
    ) -> Result<MailWish, AccountError> {
        self.wish(typed, |identifier| MailRequest::VerifyAgain { identifier }, initiator).await
    }

    async fn wish(
        &self,
        typed: &str,
        request: impl FnOnce(Identifier) -> MailRequest,
        initiator: &Initiator,
    ) -> Result<MailWish, AccountError> {
        let Ok(identifier) = Identifier::parse(typed) else { return Ok(MailWish::Invalid) };
        let Some(mail) = self.mail(request(identifier), initiator) else { return Ok(MailWish::NoMail) };
        self.count_mail(initiator).await?;
        let queued = self.parts.unit_of_work.commit(move |transaction| {
            transaction.enqueue(mail.clone());
            Ok::<_, AccountError>(())
        });
        queued.await?;
        Ok(MailWish::Queued)
    }

    /// What a link is worth, for its page. It changes nothing: whoever opens a link has done nothing with it yet.
    pub async fn look_up(
        &self,
        token: &str,
        page: LinkPage,
    ) -> Result<Result<LiveLink, DeadLink>, AccountError> {
        let found = self.find_link(token, page).await?;
        let Some(found) = found else { return Ok(Err(DeadLink::Over)) };
        if found.state != LinkState::Live {
            return Ok(Err(found.dead()));
        }
        let owner = found.owner.map(|owner| owner.user);
        let user = owner.map(|User { id, username, .. }| LinkedUser { id, username });
        Ok(Ok(LiveLink { user, email: found.link.email }))
    }

    pub(super) async fn find_link(
        &self,
        token: &str,
        page: LinkPage,
    ) -> Result<Option<FoundLink>, AccountError> {
        let Some(token) = LinkToken::parse(token) else { return Ok(None) };
        let (hash, now_ms) = (token.hash(), self.parts.unit_of_work.clock().now_ms());
        let database = self.parts.unit_of_work.database();
        database.read(move |conn| Ok::<_, AccountError>(find_link(conn, &hash, page, now_ms)?)).await
    }

    /// Sets a new password with a link. Every session of the user ends, and every other link; the consents that were
    /// remembered and a pending address fall. Whoever did not get the answer may ask again for a moment, with the same
    /// password.
    pub async fn reset(
        &self,
        token: &str,
        password: &str,
        client_id: &str,
        initiator: &Initiator,
    ) -> Result<Reset, AccountError> {
        let page = LinkPage::ResetPassword;
        let (Some(parsed), Some(found)) = (LinkToken::parse(token), self.find_link(token, page).await?)
        else {
            return Ok(Reset::Dead(DeadLink::Over));
        };
        let hash = parsed.hash();
        match (found.state, &found.owner) {
            (LinkState::Live, Some(owner)) => {
                let (name, email) = (owner.user.username.as_str(), owner.user.email.as_deref());
                let new = match self.accept_password("password", password, name, email).await? {
                    Ok(accepted) => self.parts.passwords.asked_by(&initiator.device).hash(accepted).await?,
                    Err(invalid) => return Ok(Reset::Invalid(vec![invalid])),
                };
                if self.set_by_link(hash, owner.user.id, new, initiator).await? {
                    return Ok(Reset::Done);
                }
                // Somebody else was faster: the same person, perhaps, whose browser sent the form twice.
                match self.find_link(token, page).await? {
                    Some(found) => self.repeat(hash, found, password, client_id, initiator).await,
                    None => Ok(Reset::Dead(DeadLink::Over)),
                }
            }
            _ => self.repeat(hash, found, password, client_id, initiator).await,
        }
    }

    async fn set_by_link(
        &self,
        hash: LinkTokenHash,
        user_id: Uuid,
        new: PasswordHash,
        initiator: &Initiator,
    ) -> Result<bool, AccountError> {
        let (accounts, initiator) = (self.clone(), initiator.clone());
        let set = self
            .parts
            .unit_of_work
            .commit(move |transaction| accounts.decide_reset(transaction, &hash, user_id, &new, &initiator));
        Ok(set.await?.value)
    }

    fn decide_reset(
        &self,
        transaction: &mut Transaction<'_>,
        hash: &LinkTokenHash,
        user_id: Uuid,
        new: &PasswordHash,
        initiator: &Initiator,
    ) -> Result<bool, AccountError> {
        let Some((_, owner)) = lock_live_link(transaction, hash, LinkPage::ResetPassword, user_id)? else {
            return Ok(false);
        };
        let now_ms = transaction.now_ms();
        let version = owner.version.saturating_add(1);
        if !mailed_links::consume(transaction.conn(), hash, Some(version), now_ms)? {
            return Ok(false);
        }
        users::set_password(transaction.conn(), user_id, new, now_ms)?;
        self.parts.cuts.end_all(transaction, &owner.user, EndReason::PasswordReset)?;
        for client_id in consents::delete_all_of_user(transaction.conn(), user_id)? {
            let event = AuditEvent::new(AuditKind::ConsentWithdrawn, initiator).user(user_id);
            transaction.record(event.client(client_id).reason("reset"));
        }
        end_links_and_pending_address(transaction, user_id)?;
        forget_guesses(transaction, user_id)?;
        transaction
            .record(AuditEvent::new(AuditKind::PasswordChanged, initiator).user(user_id).reason("reset"));
        self.notify(transaction, &owner.user, NoticeKind::PasswordChanged, initiator);
        Ok(true)
    }

    /// A link that was used already: the password that it set is confirmed a few times, and nothing changes. Any other one
    /// counts as a failed login, because it may be a guess.
    async fn repeat(
        &self,
        hash: LinkTokenHash,
        found: FoundLink,
        password: &str,
        client_id: &str,
        initiator: &Initiator,
    ) -> Result<Reset, AccountError> {
        let dead = Reset::Dead(found.dead());
        if found.state != LinkState::Replayable {
            return Ok(dead);
        }
        let Some(user_id) = found.link.user_id else { return Ok(dead) };
        if self.judge_stored(found.owner, user_id, password, client_id, initiator).await?.is_none() {
            return Ok(dead);
        }
        let counted = self.parts.unit_of_work.commit(move |transaction| {
            Ok::<_, AccountError>(mailed_links::count_replay(transaction.conn(), &hash)?)
        });
        Ok(if counted.await?.value { Reset::Done } else { dead })
    }
}

/// After a change of the password or the address: every link of the user is dead, and the address that waits to be verified
/// is forgotten. The caller holds the user's lock.
pub(super) fn end_links_and_pending_address(
    transaction: &mut Transaction<'_>,
    user_id: Uuid,
) -> Result<(), DatabaseError> {
    let now_ms = transaction.now_ms();
    mailed_links::end_all_of_user(transaction.conn(), user_id, now_ms)?;
    users::set_pending_email(transaction.conn(), user_id, None, now_ms)
}
