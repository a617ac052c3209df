//! Judges requests to sign a person out (OpenID Connect RP-Initiated Logout 1.0).
//!
//! An `id_token` is no credential: it ends nothing without the cookie of the session that it names. It shows only that a
//! client asks for the sign-out of exactly the session that is signed in here, so that the person need not be asked.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{CurrentSession, HintClaims, SignInError, SignIns, SignOut};
use crate::clients::RegisteredClient;
use crate::domain::{Handle, Initiator, LogoutRequest};

/// How long the page that follows a sign-out names the applications that stay connected, in milliseconds. Its address
/// remains in the history of a browser that other people may use.
const NAMED_FOR_MS: i64 = 600_000;

/// A sign-out in progress. Its page carries it, sealed. It is no authority: whoever opens one judges it as things are
/// then.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingLogout {
    /// The request of a client, or an empty one.
    #[serde(rename = "q", default)]
    pub request: LogoutRequest,
    /// The browser session that was ended, for the page that says so.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<EndedSession>,
}

/// A browser session that was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedSession {
    /// Its id.
    #[serde(rename = "i")]
    id: Uuid,
    /// When it was ended, in milliseconds.
    #[serde(rename = "t")]
    at_ms: i64,
}

/// Where a person goes after the sign-out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AfterLogout {
    /// Back to the client.
    Client {
        /// Its redirect URI, as it was requested.
        redirect_uri: String,
        /// The value of `state`, which is returned as it came.
        state: Option<String>,
    },
    /// Nowhere: a page of ours says that the person is signed out.
    Page {
        /// Whether the request named a redirect URI that is not registered.
        is_unregistered: bool,
    },
}

/// What follows a logout request.
#[derive(Debug)]
pub enum LogoutStep {
    /// The person is asked, because nothing shows that this session is meant.
    Ask {
        /// The name of the client that asks, if a client that we know does.
        client_name: Option<String>,
    },
    /// The person is signed out, or was before.
    Done(LoggedOut),
}

/// A sign-out that is done.
#[derive(Debug)]
pub struct LoggedOut {
    /// The session that was ended now; `None` if nobody was signed in.
    pub ended: Option<EndedSession>,
    /// What follows.
    pub after: AfterLogout,
}

/// A logout request, with what is known about it.
struct KnownRequest {
    /// The claims of a hint that is an `id_token` of ours, issued to the client that asks.
    hint: Option<HintClaims>,
    /// The client: named by the hint, or else by `client_id`.
    client: Option<Arc<RegisteredClient>>,
    /// The id that the request names, whether or not there is such a client.
    client_id: Option<String>,
    after: AfterLogout,
}

impl SignIns {
    /// Decides what follows a request that was opened. Signs the person out if its hint names the session that is signed
    /// in here.
    pub async fn judge_logout(
        &self,
        pending: &PendingLogout,
        current: Option<(&CurrentSession, &Handle)>,
        initiator: &Initiator,
    ) -> Result<LogoutStep, SignInError> {
        let known = self.known_logout(&pending.request).await?;
        let Some((current, handle)) = current else {
            return Ok(LogoutStep::Done(known.done(None, pending)));
        };
        let is_meant = |hint: &HintClaims| hint.sid == Some(current.session.id) && is_of(hint, current);
        if known.hint.as_ref().is_some_and(is_meant) {
            return Ok(LogoutStep::Done(self.end_for(pending, known, current, handle, initiator).await?));
        }
        Ok(LogoutStep::Ask { client_name: known.client.map(|known| known.client.name.clone()) })
    }

    /// Signs the person out, who pressed the button of the page that asks.
    pub async fn confirm_logout(
        &self,
        pending: &PendingLogout,
        current: Option<(&CurrentSession, &Handle)>,
        initiator: &Initiator,
    ) -> Result<LoggedOut, SignInError> {
        let known = self.known_logout(&pending.request).await?;
        match current {
            Some((current, handle)) => self.end_for(pending, known, current, handle, initiator).await,
            None => Ok(known.done(None, pending)),
        }
    }

    async fn end_for(
        &self,
        pending: &PendingLogout,
        known: KnownRequest,
        current: &CurrentSession,
        handle: &Handle,
        initiator: &Initiator,
    ) -> Result<LoggedOut, SignInError> {
        // A hint of another session of this person still shows which client asks. Another person's does not: it may have
        // been planted.
        let asked_by = known.hint.as_ref().filter(|hint| is_of(hint, current)).map(|hint| hint.aud.clone());
        let sign_out = SignOut::ThisBrowser { handle: handle.clone(), asked_by };
        let has_ended = self.sign_out(sign_out, initiator.clone()).await?;
        let ended = EndedSession { id: current.session.id, at_ms: self.now_ms() };
        Ok(known.done(has_ended.then_some(ended), pending))
    }

    /// The names of the applications that stay connected, for the page that follows a sign-out.
    pub async fn still_connected_after(&self, ended: EndedSession) -> Result<Vec<String>, SignInError> {
        if self.now_ms().saturating_sub(ended.at_ms) > NAMED_FOR_MS {
            return Ok(Vec::new());
        }
        self.still_connected(ended.id).await
    }

    async fn known_logout(&self, request: &LogoutRequest) -> Result<KnownRequest, SignInError> {
        let hint = match &request.id_token_hint {
            Some(hint) => self.read_hint(hint).await?,
            None => None,
        };
        let hint = hint.filter(|hint| request.client_id.as_ref().is_none_or(|id| *id == hint.aud));
        let client_id = hint.as_ref().map(|hint| &hint.aud).or(request.client_id.as_ref());
        let client = match client_id {
            Some(client_id) => self.parts.clients.find(client_id).await?,
            None => None,
        };
        let client = client.filter(|known| known.client.is_active);
        let after = match &request.post_logout_redirect_uri {
            None => AfterLogout::Page { is_unregistered: false },
            Some(asked) if is_registered(client.as_deref(), asked) => {
                AfterLogout::Client { redirect_uri: asked.clone(), state: request.state.clone() }
            }
            Some(_) => AfterLogout::Page { is_unregistered: true },
        };
        let client_id = client_id.cloned();
        Ok(KnownRequest { hint, client, client_id, after })
    }
}

/// Whether an `id_token` is about the person who is signed in here.
fn is_of(hint: &HintClaims, current: &CurrentSession) -> bool {
    hint.sub.parse() == Ok(current.user.id)
}

fn is_registered(client: Option<&RegisteredClient>, asked: &str) -> bool {
    let registered =
        client.map(|known| known.client.post_logout_redirect_uris.as_slice()).unwrap_or_default();
    registered.iter().any(|registered| registered.allows(asked))
}

/// The most characters of a redirect URI that a log line names.
const MAX_LOGGED: usize = 500;

impl KnownRequest {
    /// The step after the sign-out. Tells operators which redirect URI a client asked for in vain: mostly, its registration
    /// lacks it.
    fn done(self, ended: Option<EndedSession>, pending: &PendingLogout) -> LoggedOut {
        // The page that follows a press of the button logs it no second time.
        if self.after == (AfterLogout::Page { is_unregistered: true }) && pending.ended.is_none() {
            let shown = |text: &String| text.chars().take(MAX_LOGGED).collect::<String>();
            let post_logout_redirect_uri = pending.request.post_logout_redirect_uri.as_ref().map(shown);
            let client_id = self.client_id.as_ref().map(shown);
            tracing::warn!(client_id, post_logout_redirect_uri, "logout.unregistered_redirect_uri");
        }
        LoggedOut { ended, after: self.after }
    }
}
