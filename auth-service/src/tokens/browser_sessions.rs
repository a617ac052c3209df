//! Ends browser sessions with everything below them, and keeps the number of a user's sessions within its limit.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::logout::{BATCH_SIZE, end_locked_sessions, end_sessions};
use super::notices;
use super::{Inner, TokenError};
use crate::domain::authorization_request::OFFLINE_ACCESS;
use crate::domain::{AuditEvent, AuditKind, BrowserSession, EndReason, Initiator, Session};
use crate::storage::{Transaction, browser_sessions, sessions};

/// The most sessions that are looked at when the limit is checked.
const MOST_COUNTED: i64 = 10_000;

/// The most sessions of one client below one browser session, without `offline_access`, and as many with it.
const MOST_OF_CLIENT: usize = 10;

impl Session {
    /// Whether it outlives the sign-out and the end of its browser session (OpenID Connect Core §11).
    pub(crate) fn is_offline(&self) -> bool {
        self.scope.contains(OFFLINE_ACCESS)
    }
}

impl Inner {
    /// Finds a live browser session of a user, and notes its use. The caller holds the user's lock, so that the session
    /// cannot end before this transaction does.
    pub(super) fn use_browser_session(
        &self,
        transaction: &mut Transaction<'_>,
        user_id: Uuid,
        id: Uuid,
    ) -> Result<Option<BrowserSession>, TokenError> {
        let now_ms = transaction.now_ms();
        let session = browser_sessions::find(transaction.conn(), id)?;
        let live = session.filter(|session| session.user_id == user_id && session.is_live(now_ms));
        let Some(mut session) = live else { return Ok(None) };
        self.note_use(transaction, &mut session)?;
        Ok(Some(session))
    }

    /// Notes the use of a browser session, at most once a minute. The caller holds the user's lock.
    pub(super) fn note_use(
        &self,
        transaction: &mut Transaction<'_>,
        session: &mut BrowserSession,
    ) -> Result<(), TokenError> {
        let now_ms = transaction.now_ms();
        if session.note_use(self.settings.sessions.browser, now_ms) {
            browser_sessions::touch(transaction.conn(), session)?;
        }
        Ok(())
    }

    /// Whether the browser session of a client's session still lets it get tokens, and notes the use. A session that is
    /// bound to none, or outlives it, always may.
    pub(super) fn is_still_bound(
        &self,
        transaction: &mut Transaction<'_>,
        session: &Session,
    ) -> Result<bool, TokenError> {
        let bound_to = session.browser_session_id.filter(|_| !session.is_offline());
        let Some(id) = bound_to else { return Ok(true) };
        Ok(self.use_browser_session(transaction, session.user_id, id)?.is_some())
    }
}

/// Ends a browser session: its clients' sessions, except those with `offline_access`, and the codes that nobody redeemed
/// yet. Tells the clients that got a code from it, and lets a person who signs out wait until they had their first call. A code
/// that is being redeemed either finds the browser session ended, or its session is found here: both hold the
/// user's lock, which the caller holds.
pub(crate) fn end_browser_session(
    transaction: &mut Transaction<'_>,
    session: &BrowserSession,
    reason: EndReason,
    initiator: &Initiator,
) -> Result<(), TokenError> {
    let now_ms = transaction.now_ms();
    if !browser_sessions::end(transaction.conn(), session.id, reason, now_ms)? {
        return Ok(());
    }
    let below = sessions::lock_below(transaction.conn(), session.id)?;
    notices::tell_of_browser_session(transaction, session, &below)?;
    if reason == EndReason::Logout {
        transaction.wait_for_first_tries();
    }
    let is_bound = |below: &Session| below.is_live(now_ms) && !below.is_offline();
    let bound: Vec<_> = below.into_iter().map(|below| below.session).filter(is_bound).collect();
    end_locked_sessions(transaction, &bound, reason, initiator)?;
    let event = AuditEvent::new(AuditKind::SessionEnded, initiator).user(session.user_id).session(session.id);
    transaction.record(event.reason(reason.as_str()));
    Ok(())
}

/// Ends the sessions with `offline_access` that a client has below a browser session: the client itself asked for the
/// sign-out. The caller holds the user's lock.
pub(crate) fn end_offline_sessions_of_client(
    transaction: &mut Transaction<'_>,
    browser_session_id: Uuid,
    client_id: &str,
    reason: EndReason,
    initiator: &Initiator,
) -> Result<(), TokenError> {
    let now_ms = transaction.now_ms();
    let mut below = sessions::live_below(transaction.conn(), browser_session_id, now_ms)?;
    below.retain(|below| below.is_offline() && below.client_id == client_id);
    end_sessions(transaction, &below, reason, initiator)
}

/// Ends the sessions of a user that were unused for longest, so that one more does not exceed the limit. A browser session
/// counts as one with everything below it. Ends at most [`BATCH_SIZE`]; if there are more (because the limit was lowered), later
/// sign-ins end the rest. The caller holds the user's lock.
pub(crate) fn end_sessions_over_limit(
    transaction: &mut Transaction<'_>,
    user_id: Uuid,
    most: Option<u32>,
    initiator: &Initiator,
) -> Result<(), TokenError> {
    let Some(most) = most else { return Ok(()) };
    let now_ms = transaction.now_ms();
    let browser = browser_sessions::live_of_user(transaction.conn(), user_id, now_ms, MOST_COUNTED)?;
    let mut last_used: HashMap<Uuid, i64> = browser.iter().copied().collect();
    let is_browser: HashSet<Uuid> = last_used.keys().copied().collect();
    let clients = sessions::live_of_user(transaction.conn(), user_id, now_ms, MOST_COUNTED)?;
    for (id, used_ms, browser_session_id) in clients {
        let counted = browser_session_id.filter(|id| is_browser.contains(id)).unwrap_or(id);
        let latest = last_used.entry(counted).or_insert(used_ms);
        *latest = used_ms.max(*latest);
    }
    let left = usize::try_from(most).unwrap_or(usize::MAX).saturating_sub(1);
    if last_used.len() <= left {
        return Ok(());
    }
    let mut by_use: Vec<_> = last_used.into_iter().map(|(id, used_ms)| (used_ms, id)).collect();
    by_use.sort_unstable_by(|a, b| b.cmp(a));
    let over: Vec<_> = by_use.into_iter().skip(left).map(|(_, id)| id).collect();
    let batch = usize::try_from(BATCH_SIZE).unwrap_or(usize::MAX);
    let (of_browsers, of_clients): (Vec<_>, Vec<_>) =
        over.into_iter().take(batch).partition(|id| is_browser.contains(id));
    let displaced = sessions::find_all(transaction.conn(), &of_clients)?;
    end_sessions(transaction, &displaced, EndReason::Displaced, initiator)?;
    for id in of_browsers {
        if let Some(session) = browser_sessions::find(transaction.conn(), id)? {
            end_browser_session(transaction, &session, EndReason::Displaced, initiator)?;
        }
    }
    Ok(())
}

/// The sessions of a client below a browser session that were unused for longest, if one more would exceed the limit.
pub(super) fn sessions_of_client_over_limit(
    transaction: &mut Transaction<'_>,
    browser_session_id: Uuid,
    client_id: &str,
    is_offline: bool,
) -> Result<Vec<Session>, TokenError> {
    let now_ms = transaction.now_ms();
    let mut below = sessions::live_below(transaction.conn(), browser_session_id, now_ms)?;
    below.retain(|session| session.client_id == client_id && session.is_offline() == is_offline);
    below.sort_by_key(|session| std::cmp::Reverse((session.last_used_at_ms, session.id)));
    Ok(below.split_off(below.len().min(MOST_OF_CLIENT - 1)))
}
