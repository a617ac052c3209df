//! Opens and finds browser sessions.

use std::sync::Arc;

use service_kit::database::{DatabaseError, DbConnection};

use super::{SignInError, SignIns};
use crate::domain::sign_in_step::STEP_UP_MS;
use crate::domain::{
    AuditEvent, AuditKind, BrowserSession, Credentials, EndReason, Handle, HandleHash, Initiator,
    SessionLimits, SignIn, User,
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
    /// Finds the live session that a handle names, and notes its use, at most once a minute.
    pub async fn current(&self, handle: Option<Handle>) -> Result<Option<CurrentSession>, SignInError> {
        let Some(handle) = handle else { return Ok(None) };
        let now_ms = self.now_ms();
        let database = self.parts.unit_of_work.database();
        let found = database.read(move |conn| Ok::<_, TokenError>(find(conn, &handle, now_ms)?)).await?;
        let Some(current) = found else { return Ok(None) };
        let mut used = current.session.clone();
        if used.note_use(self.parts.limits.browser, now_ms) {
            // Nobody's lock is needed: the end of the session stands in another column, and a sign-in notes a later use.
            let noted =
                database.write(move |conn| Ok::<_, TokenError>(browser_sessions::touch(conn, &used)?)).await;
            // What the person asked for does not depend on it.
            if let Err(error) = noted {
                tracing::warn!(%error, "browser_session.use_not_noted");
            }
        }
        Ok(Some(current))
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
}

impl CurrentSession {
    /// Whether the holder of the handle signed in so recently that changes of the account need no password again.
    pub fn is_recent(&self, now_ms: i64) -> bool {
        now_ms <= self.signed_in_at_ms.saturating_add(STEP_UP_MS)
    }

    /// The session that a handle with this hash names, if it is live and the user's credentials are those of its sign-in.
    pub(super) fn live(
        session: BrowserSession,
        credentials: Credentials,
        handle: &HandleHash,
        now_ms: i64,
    ) -> Option<Self> {
        let signed_in_at_ms = session.signed_in_at_ms_for(handle, now_ms)?;
        let is_same = credentials.user.is_active && credentials.version == session.credentials_version;
        (is_same && session.is_live(now_ms)).then_some(Self {
            session,
            user: credentials.user,
            signed_in_at_ms,
        })
    }
}

/// Finds the live session that a handle names.
pub(super) fn find(
    conn: &mut DbConnection,
    handle: &Handle,
    now_ms: i64,
) -> Result<Option<CurrentSession>, DatabaseError> {
    let hash = handle.hash();
    let found = browser_sessions::find_by_handle(conn, &hash)?;
    Ok(found.and_then(|(session, credentials)| CurrentSession::live(session, credentials, &hash, now_ms)))
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
        self.proven.note_network(transaction)?;
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
