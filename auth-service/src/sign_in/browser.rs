//! Opens, finds and ends browser sessions.

use std::sync::Arc;

use service_kit::database::DbConnection;

use super::{SignInError, SignIns};
use crate::domain::{
    AuditEvent, AuditKind, BrowserSession, EndReason, Handle, Initiator, SessionLimits, SignIn, User,
};
use crate::random::Random;
use crate::storage::{Transaction, browser_sessions, users};
use crate::tokens::{TokenError, VerifiedCredentials, end_browser_session, end_sessions_over_limit};

/// The browser session of a request, with its user. It was live when it was read.
#[derive(Clone, Debug)]
pub struct CurrentSession {
    /// The session.
    pub session: BrowserSession,
    /// The user.
    pub user: User,
    /// When the holder of the handle signed in, in milliseconds.
    pub signed_in_at_ms: i64,
}

/// A browser session after a sign-in.
#[derive(Clone, Debug)]
pub struct SignedInSession {
    /// The handle for the browser's cookie.
    pub handle: Handle,
    /// The session.
    pub current: CurrentSession,
}

impl SignIns {
    /// Finds the live session that a handle names.
    pub async fn current(&self, handle: Option<Handle>) -> Result<Option<CurrentSession>, SignInError> {
        let Some(handle) = handle else { return Ok(None) };
        let now_ms = self.now_ms();
        let database = self.parts.unit_of_work.database();
        Ok(database.read(move |conn| Ok::<_, TokenError>(find(conn, &handle, now_ms)?)).await?)
    }

    /// Opens a session for a user whose credentials were verified, or renews the one that the browser has. Another user's
    /// session in this browser ends: a session never changes its user. `None` if the credentials changed since they were
    /// verified.
    pub async fn sign_in(
        &self,
        proven: VerifiedCredentials,
        presented: Option<Handle>,
        initiator: Initiator,
    ) -> Result<Option<SignedInSession>, SignInError> {
        let random = self.parts.unit_of_work.random().clone();
        let parts = Arc::clone(&self.parts);
        let done = self.parts.unit_of_work.commit(move |transaction| {
            let step = Opening { proven: &proven, presented: presented.as_ref(), initiator: &initiator };
            step.run(transaction, &random, parts.limits)
        });
        Ok(done.await?.value)
    }

    /// Ends the session that a handle names, with everything below it. Returns the session, if there was one.
    pub async fn sign_out(
        &self,
        handle: Option<Handle>,
        reason: EndReason,
        initiator: Initiator,
    ) -> Result<Option<BrowserSession>, SignInError> {
        let Some(handle) = handle else { return Ok(None) };
        let done = self.parts.unit_of_work.commit(move |transaction| {
            let Some((found, _)) = browser_sessions::find_by_handle(transaction.conn(), &handle.hash())?
            else {
                return Ok(None);
            };
            users::lock(transaction.conn(), found.user_id)?;
            let now_ms = transaction.now_ms();
            let Some(current) = find(transaction.conn(), &handle, now_ms)? else { return Ok(None) };
            end_browser_session(transaction, &current.session, reason, &initiator)?;
            Ok::<_, TokenError>(Some(current.session))
        });
        Ok(done.await?.value)
    }
}

fn find(
    conn: &mut DbConnection,
    handle: &Handle,
    now_ms: i64,
) -> Result<Option<CurrentSession>, service_kit::database::DatabaseError> {
    let hash = handle.hash();
    let Some((session, credentials)) = browser_sessions::find_by_handle(conn, &hash)? else {
        return Ok(None);
    };
    let signed_in_at_ms = session.signed_in_at_ms_for(&hash, now_ms);
    let is_same = credentials.user.is_active && credentials.version == session.credentials_version;
    let live = signed_in_at_ms.filter(|_| is_same && session.is_live(now_ms));
    Ok(live.map(|signed_in_at_ms| CurrentSession { session, user: credentials.user, signed_in_at_ms }))
}

/// A sign-in on a page, after the credentials were verified.
struct Opening<'a> {
    proven: &'a VerifiedCredentials,
    presented: Option<&'a Handle>,
    initiator: &'a Initiator,
}

impl Opening<'_> {
    fn run(
        &self,
        transaction: &mut Transaction<'_>,
        random: &Random,
        limits: SessionLimits,
    ) -> Result<Option<SignedInSession>, TokenError> {
        let before = self.lock_users(transaction)?;
        let credentials = users::lock(transaction.conn(), self.proven.user_id)?;
        let now_ms = transaction.now_ms();
        let same = credentials.filter(|found| found.user.is_active && found.version == self.proven.version);
        let Some(credentials) = same else {
            let refused = AuditEvent::new(AuditKind::LoginRefused, self.initiator).user(self.proven.user_id);
            transaction.record(refused.reason("changed_meanwhile"));
            return Ok(None);
        };
        if let Some((old, new)) = &self.proven.upgrade {
            users::upgrade_hash(transaction.conn(), credentials.user.id, old, new, now_ms)?;
        }
        let handle = Handle::from_random(random.bytes());
        let sign_in = SignIn {
            handle: handle.hash(),
            credentials_version: credentials.version,
            amr: vec!["pwd".to_owned()],
            device: self.initiator.device.clone(),
        };
        let user = credentials.user;
        let session = match before {
            Some(mut session) if session.user_id == user.id => {
                session.renew(sign_in, limits.browser, now_ms);
                browser_sessions::update(transaction.conn(), &session)?;
                session
            }
            before => {
                if let Some(other) = before {
                    end_browser_session(transaction, &other, EndReason::NewLogin, self.initiator)?;
                }
                end_sessions_over_limit(transaction, user.id, limits.max_per_user, self.initiator)?;
                let id = random.uuid_at(now_ms);
                let session = BrowserSession::open(id, user.id, sign_in, limits.browser, now_ms);
                browser_sessions::insert(transaction.conn(), &session)?;
                session
            }
        };
        let event = AuditEvent::new(AuditKind::LoggedIn, self.initiator).user(user.id).session(session.id);
        transaction.record(event.reason("browser"));
        let signed_in_at_ms = session.signed_in_at_ms;
        Ok(Some(SignedInSession { handle, current: CurrentSession { session, user, signed_in_at_ms } }))
    }

    /// Finds the live session that the browser has, and locks its user. When that is another user than the one who signs
    /// in, both are locked in the order of their ids, so that two such sign-ins do not wait for each other.
    fn lock_users(&self, transaction: &mut Transaction<'_>) -> Result<Option<BrowserSession>, TokenError> {
        let Some(handle) = self.presented else { return Ok(None) };
        let hash = handle.hash();
        let Some((found, _)) = browser_sessions::find_by_handle(transaction.conn(), &hash)? else {
            return Ok(None);
        };
        let mut user_ids = [found.user_id, self.proven.user_id];
        user_ids.sort();
        for user_id in user_ids {
            users::lock(transaction.conn(), user_id)?;
        }
        let now_ms = transaction.now_ms();
        let current = find(transaction.conn(), handle, now_ms)?;
        Ok(current.map(|current| current.session))
    }
}
