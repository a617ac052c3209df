//! Tells clients that sessions ended (OpenID Connect Back-Channel Logout 1.0). The messages are written in the transaction
//! that ends the sessions.

use std::collections::{BTreeSet, HashMap};

use service_kit::database::DatabaseError;
use uuid::Uuid;

use crate::domain::{BrowserSession, EndReason, LogoutNotice, LogoutUri, Session};
use crate::storage::sessions::SessionBelow;
use crate::storage::{Transaction, browser_sessions, clients, sessions};

impl EndReason {
    /// Whether the client is told when its session alone ends for this reason: the user or an operator wanted it. A client
    /// that ended the session itself, or lost it to a newer one, is not told.
    fn is_told(self) -> bool {
        match self {
            Self::Logout
            | Self::EndedByUser
            | Self::Disconnected
            | Self::LogoutAll
            | Self::Administration
            | Self::PasswordChanged
            | Self::PasswordReset => true,
            Self::NewLogin
            | Self::Restored
            | Self::Revoked
            | Self::TooManyRevoked
            | Self::Reuse
            | Self::CodeReuse
            | Self::ClientEnded
            | Self::Displaced => false,
        }
    }
}

/// Tells each client that got a code from a browser session, whatever became of its tokens. `below` are the sessions of
/// clients that came from it, ended or not. The caller ends the session.
pub(super) fn tell_of_browser_session(
    transaction: &mut Transaction<'_>,
    session: &BrowserSession,
    below: &[SessionBelow],
) -> Result<(), DatabaseError> {
    let notice = LogoutNotice { sub: session.user_id, sid: session.id };
    let with_session: HashMap<_, _> =
        below.iter().map(|below| (&below.session.client_id, &below.logout_uri)).collect();
    // A replica of an earlier release notes no clients, but its codes begin sessions.
    let client_ids: BTreeSet<_> = session.client_ids.iter().chain(with_session.keys().copied()).collect();
    let without_session = client_ids.iter().filter(|id| !with_session.contains_key(*id));
    let without_session: BTreeSet<_> = without_session.map(|id| id.as_str()).collect();
    let mut uris = HashMap::new();
    if !without_session.is_empty() {
        uris = clients::logout_uris(transaction.conn(), Some(&without_session))?;
    }
    for (client_id, uri) in with_session {
        uris.extend(uri.clone().map(|uri| (client_id.clone(), uri)));
    }
    enqueue(transaction, &uris, client_ids.into_iter().map(|id| (id.clone(), notice)).collect());
    Ok(())
}

/// Tells the clients of these sessions, which the caller ends.
pub(super) fn tell_of_sessions(
    transaction: &mut Transaction<'_>,
    ended: &[Session],
    reason: EndReason,
) -> Result<(), DatabaseError> {
    if !reason.is_told() {
        return Ok(());
    }
    let told = ended.iter().filter_map(|session| {
        let sid = session.browser_session_id?;
        Some((session.client_id.clone(), LogoutNotice { sub: session.user_id, sid }))
    });
    tell(transaction, told.collect())
}

/// Tells the clients of all browser sessions of a user that are live, and of all sessions of clients that are. The caller
/// ends them. It takes one statement where no client wants to be told.
pub(super) fn tell_of_all_sessions(
    transaction: &mut Transaction<'_>,
    user_id: Uuid,
) -> Result<(), DatabaseError> {
    let now_ms = transaction.now_ms();
    let uris = clients::logout_uris(transaction.conn(), None)?;
    if uris.is_empty() {
        return Ok(());
    }
    let live = browser_sessions::live_with_clients(transaction.conn(), user_id, now_ms)?;
    let below = sessions::of_browser_sessions(transaction.conn(), user_id)?;
    let mut told = Vec::new();
    for (sid, client_ids) in &live {
        told.extend(client_ids.iter().map(|client_id| (client_id.clone(), *sid)));
    }
    for session in below {
        if session.is_live(now_ms) || live.iter().any(|(sid, _)| Some(*sid) == session.browser_session_id) {
            told.extend(session.browser_session_id.map(|sid| (session.client_id, sid)));
        }
    }
    let notice = |(client_id, sid)| (client_id, LogoutNotice { sub: user_id, sid });
    enqueue(transaction, &uris, told.into_iter().map(notice).collect());
    Ok(())
}

/// Tells one client of every live browser session of a user from which it got a code, whatever became of its tokens. The
/// caller disconnects it.
pub(super) fn tell_of_disconnection(
    transaction: &mut Transaction<'_>,
    user_id: Uuid,
    client_id: &str,
) -> Result<(), DatabaseError> {
    let now_ms = transaction.now_ms();
    let uris = clients::logout_uris(transaction.conn(), Some(&BTreeSet::from([client_id])))?;
    if uris.is_empty() {
        return Ok(());
    }
    let live = browser_sessions::live_with_clients(transaction.conn(), user_id, now_ms)?;
    let told = live.into_iter().filter(|(_, client_ids)| client_ids.contains(client_id));
    let notice = |(sid, _)| (client_id.to_owned(), LogoutNotice { sub: user_id, sid });
    enqueue(transaction, &uris, told.map(notice).collect());
    Ok(())
}

fn tell(transaction: &mut Transaction<'_>, told: Vec<(String, LogoutNotice)>) -> Result<(), DatabaseError> {
    if told.is_empty() {
        return Ok(());
    }
    let client_ids: BTreeSet<_> = told.iter().map(|(client_id, _)| client_id.as_str()).collect();
    let uris = clients::logout_uris(transaction.conn(), Some(&client_ids))?;
    enqueue(transaction, &uris, told);
    Ok(())
}

/// Queues a message for each client that wants to be told. The same client is told once of the same session.
fn enqueue(
    transaction: &mut Transaction<'_>,
    uris: &HashMap<String, LogoutUri>,
    told: Vec<(String, LogoutNotice)>,
) {
    for (client_id, notice) in told {
        if let Some(uri) = uris.get(&client_id) {
            transaction.enqueue(notice.message(&client_id, uri));
        }
    }
}
