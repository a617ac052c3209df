//! Ends sessions at a person's wish on a page. Every sign-out of a page passes through [`SignIns::sign_out`].

use std::sync::Arc;

use uuid::Uuid;

use super::{CurrentSession, SignInError, SignIns};
use crate::domain::{ClientId, EndReason, Handle, Initiator, Session};
use crate::storage::{Transaction, browser_sessions, sessions};
use crate::tokens::{TokenError, end_browser_session, end_offline_sessions_of_client};

/// What a person ends.
#[derive(Clone, Debug)]
pub enum SignOut {
    /// The session of this browser.
    ThisBrowser {
        /// The handle of the browser's cookie.
        handle: Handle,
        /// The client that proved, by an `id_token` of its own, that it asks for the sign-out. Its sessions below end even
        /// where they have `offline_access`.
        asked_by: Option<String>,
    },
    /// One session of the list of them.
    Session {
        /// The user.
        user_id: Uuid,
        /// The session.
        id: Uuid,
    },
    /// Every session of the list but this browser's, and what is below that.
    Others {
        /// The user.
        user_id: Uuid,
        /// The session of this browser.
        kept: Uuid,
    },
    /// All of an application, which has to ask again.
    Application {
        /// The user.
        user_id: Uuid,
        /// The application.
        client_id: ClientId,
    },
}

impl SignIns {
    /// Ends what a person wants to end, with everything below it. Returns whether there was anything. When this returns, the
    /// end is committed, and verifiers were told of it (which is waited for for a second at most).
    pub async fn sign_out(&self, sign_out: SignOut, initiator: Initiator) -> Result<bool, SignInError> {
        let tokens = &self.parts.tokens;
        Ok(match sign_out {
            SignOut::ThisBrowser { handle, asked_by } => {
                let end = move |transaction: &mut Transaction<'_>| {
                    end_session_of(transaction, &handle, asked_by.as_deref(), &initiator)
                };
                self.parts.unit_of_work.commit(end).await?.value
            }
            SignOut::Session { user_id, id } => {
                tokens.end_session(user_id, id, EndReason::EndedByUser, initiator).await?
            }
            SignOut::Others { user_id, kept } => tokens.end_other_sessions(user_id, kept, initiator).await?,
            SignOut::Application { user_id, client_id } => {
                tokens.disconnect(user_id, client_id, initiator).await?
            }
        })
    }

    /// The names of the applications that stay connected after the end of a browser session, because they were granted
    /// `offline_access` below it.
    pub async fn still_connected(&self, browser_session_id: Uuid) -> Result<Vec<String>, SignInError> {
        let (database, now_ms) = (self.parts.unit_of_work.database(), self.now_ms());
        let below = database
            .read(move |conn| Ok::<_, TokenError>(sessions::live_below(conn, browser_session_id, now_ms)?));
        let mut names = Vec::new();
        for session in below.await?.into_iter().filter(Session::is_offline) {
            let client = self.parts.clients.find(&session.client_id).await?;
            let name = client.map(|client| Arc::unwrap_or_clone(client).client.name);
            names.extend(name.filter(|name| !names.contains(name)));
        }
        Ok(names)
    }
}

/// Ends the session that a handle names, if it is live.
fn end_session_of(
    transaction: &mut Transaction<'_>,
    handle: &Handle,
    asked_by: Option<&str>,
    initiator: &Initiator,
) -> Result<bool, TokenError> {
    let hash = handle.hash();
    let Some((session, credentials)) = browser_sessions::lock_with_user(transaction.conn(), &hash)? else {
        return Ok(false);
    };
    let now_ms = transaction.now_ms();
    let Some(current) = CurrentSession::live(session, credentials, &hash, now_ms) else { return Ok(false) };
    let (session, reason) = (current.session, EndReason::Logout);
    end_browser_session(transaction, &session, reason, initiator)?;
    if let Some(client_id) = asked_by {
        end_offline_sessions_of_client(transaction, session.id, client_id, reason, initiator)?;
    }
    Ok(true)
}
