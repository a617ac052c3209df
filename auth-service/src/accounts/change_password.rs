//! Changes the password of a user who is signed in.

use std::time::Duration;

use uuid::Uuid;

use super::links::end_links_and_pending_address;
use super::register::InvalidField;
use super::{AccountError, Accounts};
use crate::domain::{AuditEvent, AuditKind, BrowserSession, Handle, Initiator, NoticeKind, PasswordHash};
use crate::storage::{Transaction, authorization_codes, browser_sessions, users};
use crate::tokens::{Step, VerifiedCredentials, end_others_at_password_change};

/// The pause between two transactions, so that other transactions get their turn.
const PAUSE: Duration = Duration::from_millis(20);

/// The session that asks for the change, and stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeptSession {
    /// A session of the first-party face.
    FirstParty(Uuid),
    /// A browser session, which gets a new handle.
    Browser(Uuid),
}

impl KeptSession {
    fn id(self) -> Uuid {
        match self {
            Self::FirstParty(id) | Self::Browser(id) => id,
        }
    }
}

/// The browser session that a change of the password left, with its new handle. The handle before names nobody.
#[derive(Clone, Debug)]
pub struct KeptBrowserSession {
    /// The handle for the browser's cookie.
    pub handle: Handle,
    /// The session.
    pub session: BrowserSession,
}

/// The unparsed values of a change of the password.
#[derive(Clone, Copy)]
pub struct PasswordChangeRequest<'a> {
    /// The user.
    pub user_id: Uuid,
    /// The session that asks.
    pub kept: KeptSession,
    /// The current password.
    pub current: &'a str,
    /// The new password.
    pub new: &'a str,
}

/// The outcome of a change of the password.
#[derive(Debug)]
pub enum PasswordChange {
    /// The password is the new one. `None` if the session that asked is none of a browser, or ended meanwhile.
    Changed(Option<Box<KeptBrowserSession>>),
    /// The current password is wrong.
    WrongPassword,
    /// The new password breaks rules.
    Invalid(Vec<InvalidField>),
}

/// A change whose passwords were judged.
struct JudgedChange {
    proven: VerifiedCredentials,
    kept: KeptSession,
    new: PasswordHash,
    handle: Handle,
    initiator: Initiator,
}

/// How far one transaction came. Where a user has many sessions, several are needed.
enum Progress {
    /// It ended some of many sessions. The password is the old one still.
    Ended,
    Changed(Option<Box<KeptBrowserSession>>),
    /// The credentials were changed meanwhile.
    Lost,
}

impl Accounts {
    /// Changes the password. Every other session of the user ends; the one that asks stays with what hangs on it, sessions
    /// with `offline_access` apart. Mailed links and a pending address fall, and the owner is told.
    ///
    /// Where there are many sessions they end in several transactions, and the password is changed in the last one. If the
    /// process dies before that, some sessions have ended and the password is the old one.
    pub async fn change_password(
        &self,
        request: PasswordChangeRequest<'_>,
        client_id: &str,
        initiator: &Initiator,
    ) -> Result<PasswordChange, AccountError> {
        let PasswordChangeRequest { user_id, kept, current, new } = request;
        let stored = self.find_credentials(user_id).await?;
        let judged = self.judge_stored(stored, user_id, current, client_id, initiator).await?;
        let Some((proven, credentials)) = judged else { return Ok(PasswordChange::WrongPassword) };
        let (name, email) = (credentials.user.username.as_str(), credentials.user.email.as_deref());
        let new = match self.accept_password("new_password", new, name, email).await? {
            Ok(accepted) => self.parts.passwords.asked_by(&initiator.device).hash(accepted).await?,
            Err(invalid) => return Ok(PasswordChange::Invalid(vec![invalid])),
        };
        let handle = Handle::from_random(self.parts.unit_of_work.random().bytes());
        let change = JudgedChange { proven, kept, new, handle, initiator: initiator.clone() };
        let change = std::sync::Arc::new(change);
        loop {
            let (accounts, step) = (self.clone(), std::sync::Arc::clone(&change));
            let done = self.parts.unit_of_work.commit(move |transaction| step.run(&accounts, transaction));
            match done.await?.value {
                Progress::Ended => tokio::time::sleep(PAUSE).await,
                Progress::Changed(kept) => return Ok(PasswordChange::Changed(kept)),
                Progress::Lost => return Ok(PasswordChange::WrongPassword),
            }
        }
    }
}

impl JudgedChange {
    fn run(&self, accounts: &Accounts, transaction: &mut Transaction<'_>) -> Result<Progress, AccountError> {
        let Some(user) = self.proven.lock(transaction)? else { return Ok(Progress::Lost) };
        let kept = self.kept.id();
        match end_others_at_password_change(transaction, user.id, kept, &self.initiator)? {
            Step::More => {
                transaction.leave_announcement_to_next_step();
                return Ok(Progress::Ended);
            }
            Step::Last => {}
        }
        let now_ms = transaction.now_ms();
        users::set_password(transaction.conn(), user.id, &self.new, now_ms)?;
        end_links_and_pending_address(transaction, user.id)?;
        let event = AuditEvent::new(AuditKind::PasswordChanged, &self.initiator).user(user.id);
        transaction.record(event.session(kept).reason("by_user"));
        accounts.notify(transaction, &user, NoticeKind::PasswordChanged, &self.initiator);
        Ok(Progress::Changed(self.keep(transaction, user.id)?))
    }

    /// Moves the browser session that asked, and its codes, to the new version of the credentials.
    fn keep(
        &self,
        transaction: &mut Transaction<'_>,
        user_id: Uuid,
    ) -> Result<Option<Box<KeptBrowserSession>>, AccountError> {
        let KeptSession::Browser(id) = self.kept else { return Ok(None) };
        let now_ms = transaction.now_ms();
        let session = browser_sessions::find(transaction.conn(), id)?;
        let live = session.filter(|session| {
            let is_same = session.credentials_version == self.proven.version;
            session.user_id == user_id && is_same && session.is_live(now_ms)
        });
        let Some(mut session) = live else { return Ok(None) };
        let version = self.proven.version.saturating_add(1);
        session.keep_through_password_change(self.handle.hash(), version);
        browser_sessions::update(transaction.conn(), &session)?;
        authorization_codes::set_version_of_browser_session(transaction.conn(), id, version)?;
        Ok(Some(Box::new(KeptBrowserSession { handle: self.handle.clone(), session })))
    }
}
