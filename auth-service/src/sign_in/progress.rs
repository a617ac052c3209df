//! Takes a sign-in for a client one step further.

use std::sync::Arc;

use uuid::Uuid;

use super::at_once::AtOnce;
use super::request::{KnownRequest, ReadyRequest};
use super::{CurrentSession, PendingSignIn, SignInError, SignIns};
use crate::domain::authorization_request::{AuthorizationError, Callback, UnansweredRequest};
use crate::domain::sign_in_step::{Arrival, SignInStep};
use crate::domain::{
    AuditEvent, AuditKind, AuthorizationCode, Client, Consent, Handle, Initiator, OpaqueSecret,
};
use crate::storage::{consents, users};
use crate::tokens::{CodeOutcome, TokenError};

/// What a person did to get here.
#[derive(Clone, Debug)]
pub struct Action {
    /// How the step was asked for.
    pub arrival: Arrival,
    /// Whether the posted form named the account that is signed in.
    pub has_chosen: bool,
    /// What the posted consent form allowed.
    pub allowed: Option<Consent>,
    /// Whether the posted form signed the user in.
    pub has_signed_in: bool,
}

impl Action {
    /// An address was opened.
    pub fn opened() -> Self {
        Self { arrival: Arrival::Opened, has_chosen: false, allowed: None, has_signed_in: false }
    }

    /// The request's own form was posted.
    pub fn posted() -> Self {
        Self { arrival: Arrival::Posted, ..Self::opened() }
    }

    /// The request's own form was posted, and it named the account that is signed in.
    pub fn choosing() -> Self {
        Self { has_chosen: true, ..Self::posted() }
    }
}

/// An answer for the client.
#[derive(Debug)]
pub struct ClientResponse {
    /// The client's name, for a page that the browser shows on its way.
    pub client_name: String,
    /// Where it goes.
    pub callback: Callback,
    /// The code, or the error.
    pub outcome: Result<OpaqueSecret<AuthorizationCode>, AuthorizationError>,
}

/// A page that the person has to see.
#[derive(Debug)]
pub struct NeededPage {
    /// The page.
    pub page: Page,
    /// The client.
    pub client: Client,
    /// The redirect URI of the request.
    pub redirect_uri: String,
    /// The sign-in, as the page has to carry it.
    pub pending: PendingSignIn,
    /// The name to fill in.
    pub login_hint: Option<String>,
}

/// The pages of a sign-in for a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Page {
    /// The sign-in form.
    SignIn,
    /// The sign-in form for the user who is signed in.
    ConfirmIdentity,
    /// The choice of an account.
    ChooseAccount {
        /// Whether the account that is signed in may be chosen.
        may_continue: bool,
    },
    /// The consent page, with the scopes that it shows.
    Consent(Vec<String>),
    /// The page before a native application continues.
    Continue,
}

/// What follows.
#[derive(Debug)]
pub enum Progress {
    /// A page.
    Page(Box<NeededPage>),
    /// An answer for the client.
    Response(Box<ClientResponse>),
    /// The request has no client or redirect URI that an answer could go to.
    Unanswered(UnansweredRequest),
}

impl SignIns {
    /// Decides what follows for a request that a browser has just brought. If no page is needed, the code is given in the
    /// transaction that finds the browser's session.
    ///
    /// # Errors
    /// The database or the keys failed, or there is too much to do. Nothing was given.
    pub async fn begin(
        &self,
        pending: &PendingSignIn,
        handle: Option<Handle>,
        initiator: &Initiator,
    ) -> Result<Progress, SignInError> {
        let ready = match self.ready(pending).await? {
            Ok(ready) => Arc::new(ready),
            Err(progress) => return Ok(progress),
        };
        let current = match handle {
            Some(handle) if !ready.needs_page() => {
                match self.grant_at_once(&ready, pending, handle, initiator).await? {
                    AtOnce::Granted(code) => return Ok(ready.response(Ok(code))),
                    AtOnce::Undecided(current) => current.map(|current| *current),
                }
            }
            handle => self.current(handle).await?,
        };
        self.decide(&ready, pending, current.as_ref(), Action::opened(), initiator).await
    }

    /// Decides what follows for a sign-in, for the person who is signed in now.
    ///
    /// # Errors
    /// As those of [`begin`](Self::begin).
    pub async fn advance(
        &self,
        pending: &PendingSignIn,
        current: Option<&CurrentSession>,
        action: Action,
        initiator: &Initiator,
    ) -> Result<Progress, SignInError> {
        match self.ready(pending).await? {
            Ok(ready) => self.decide(&ready, pending, current, action, initiator).await,
            Err(progress) => Ok(progress),
        }
    }

    async fn decide(
        &self,
        ready: &ReadyRequest,
        pending: &PendingSignIn,
        current: Option<&CurrentSession>,
        action: Action,
        initiator: &Initiator,
    ) -> Result<Progress, SignInError> {
        let client = ready.client();
        let remembered = match current {
            Some(current) if !client.is_first_party => self.consent(current.user.id, client).await?,
            _ => None,
        };
        let now_ms = self.now_ms();
        let step_for = |current| ready.state(pending, current, remembered.as_ref(), &action, now_ms).next();
        let mut step = step_for(current);
        if let (SignInStep::Grant, Some(current)) = (&step, current) {
            match self.parts.tokens.issue_code(ready.new_code(current, initiator)).await? {
                CodeOutcome::Issued(code) => return Ok(ready.response(Ok(code))),
                CodeOutcome::ClientEnded => {
                    return Ok(Progress::Unanswered(UnansweredRequest::UnknownClient));
                }
                CodeOutcome::ExceedsGrant(_) => {
                    return Ok(ready.response(Err(AuthorizationError::InvalidScope)));
                }
                CodeOutcome::ConsentWithdrawn => {
                    return Ok(ready.response(Err(AuthorizationError::AccessDenied)));
                }
                // The session ended a moment ago: nobody is signed in.
                CodeOutcome::CredentialsChanged => step = step_for(None),
            }
        }
        let page = match step {
            SignInStep::Refuse(error) => return Ok(ready.response(Err(error))),
            // A grant without a session cannot be decided.
            SignInStep::SignIn | SignInStep::Grant => Page::SignIn,
            SignInStep::ConfirmIdentity => Page::ConfirmIdentity,
            SignInStep::ChooseAccount { may_continue } => Page::ChooseAccount { may_continue },
            SignInStep::Consent { scopes } => Page::Consent(scopes),
            SignInStep::Continue => Page::Continue,
        };
        let pending = match current {
            Some(current) if action.has_signed_in => pending.satisfied_by(current.signed_in_at_ms),
            _ => pending.clone(),
        };
        let pending = pending_for(&page, &pending, current, &ready.request.grant.audience);
        Ok(Progress::Page(Box::new(NeededPage {
            page,
            client: client.clone(),
            redirect_uri: ready.callback.redirect_uri.clone(),
            pending,
            login_hint: ready.request.login_hint.clone(),
        })))
    }

    /// Answers a request with an error, after the person refused it or it failed.
    pub async fn refuse(
        &self,
        pending: &PendingSignIn,
        error: AuthorizationError,
    ) -> Result<Progress, SignInError> {
        let known = match pending.parameters() {
            Ok(parameters) => self.known(&parameters).await?,
            Err(unanswered) => Err(unanswered),
        };
        Ok(match known {
            Ok(KnownRequest { registered, callback, .. }) => {
                let client_name = registered.client.name.clone();
                Progress::Response(Box::new(ClientResponse { client_name, callback, outcome: Err(error) }))
            }
            Err(unanswered) => Progress::Unanswered(unanswered),
        })
    }

    /// Checks that a request could be answered to its client: the client is known, and the redirect URI is one of its.
    pub async fn check(&self, pending: &PendingSignIn) -> Result<Result<(), UnansweredRequest>, SignInError> {
        match pending.parameters() {
            Ok(parameters) => Ok(self.known(&parameters).await?.map(drop)),
            Err(unanswered) => Ok(Err(unanswered)),
        }
    }

    /// Remembers what a user allowed a client by its consent page. Returns whether the client is still there.
    pub async fn remember_consent(
        &self,
        pending: &PendingSignIn,
        user_id: Uuid,
        allowed: Consent,
        initiator: &Initiator,
    ) -> Result<bool, SignInError> {
        let known = match pending.parameters() {
            Ok(parameters) => self.known(&parameters).await?,
            Err(unanswered) => Err(unanswered),
        };
        let Ok(KnownRequest { registered, .. }) = known else { return Ok(false) };
        let (client_id, initiator) = (registered.client.id.to_string(), initiator.clone());
        let stored = self.parts.unit_of_work.commit(move |transaction| {
            let Some(_user) = users::lock(transaction.conn(), user_id)? else { return Ok(false) };
            if crate::storage::clients::lock(transaction.conn(), &client_id)?.is_none() {
                return Ok(false);
            }
            let now_ms = transaction.now_ms();
            let before = consents::find(transaction.conn(), user_id, &client_id)?.unwrap_or_default();
            consents::store(transaction.conn(), user_id, &client_id, &before.and(&allowed), now_ms)?;
            let event = AuditEvent::new(AuditKind::ConsentGiven, &initiator).user(user_id);
            transaction.record(event.client(&client_id).subject(allowed.scope.to_string()));
            Ok::<_, TokenError>(true)
        });
        Ok(stored.await?.value)
    }

    async fn consent(&self, user_id: Uuid, client: &Client) -> Result<Option<Consent>, SignInError> {
        let (database, client_id) = (self.parts.unit_of_work.database(), client.id.to_string());
        Ok(database.read(move |conn| Ok::<_, TokenError>(consents::find(conn, user_id, &client_id)?)).await?)
    }
}

/// The sign-in as its next page carries it: with the account that the page names, where it asks for no password.
fn pending_for(
    page: &Page,
    pending: &PendingSignIn,
    current: Option<&CurrentSession>,
    audience: &[String],
) -> PendingSignIn {
    let Some(current) = current else { return pending.naming_nobody() };
    match page {
        Page::SignIn | Page::ConfirmIdentity => pending.naming_nobody(),
        Page::ChooseAccount { .. } | Page::Continue => pending.naming(current.user.id),
        Page::Consent(scopes) => pending.asking(current.user.id, scopes, audience),
    }
}
