//! Takes a sign-in for a client one step further.

use std::sync::Arc;

use uuid::Uuid;

use super::{CurrentSession, PendingSignIn, SignInError, SignIns};
use crate::clients::RegisteredClient;
use crate::domain::authorization_request::{
    AuthorizationError, AuthorizationRequest, Callback, Parameters, UnansweredRequest,
};
use crate::domain::sign_in_step::{Arrival, SignInState, SignInStep, SignedIn};
use crate::domain::{AuditEvent, AuditKind, AuthorizationCode, Client, Consent, Initiator, OpaqueSecret};
use crate::storage::{consents, users};
use crate::tokens::{AccessRequest, CodeOutcome, NewCode, TokenError};

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

/// A request whose client and redirect URI are known.
struct Known {
    registered: Arc<RegisteredClient>,
    callback: Callback,
    request: Result<AuthorizationRequest, AuthorizationError>,
}

impl SignIns {
    /// Decides what follows for a sign-in, for the person who is signed in now.
    ///
    /// # Errors
    /// The database or the keys failed, or there is too much to do. Nothing was given.
    pub async fn advance(
        &self,
        pending: &PendingSignIn,
        current: Option<&CurrentSession>,
        action: Action,
        initiator: &Initiator,
    ) -> Result<Progress, SignInError> {
        let parameters = match pending.parameters() {
            Ok(parameters) => parameters,
            Err(unanswered) => return Ok(Progress::Unanswered(unanswered)),
        };
        let known = match self.known(&parameters).await? {
            Ok(known) => known,
            Err(unanswered) => return Ok(Progress::Unanswered(unanswered)),
        };
        let client = &known.registered.client;
        let respond = |outcome| {
            let (client_name, callback) = (client.name.clone(), known.callback.clone());
            Progress::Response(Box::new(ClientResponse { client_name, callback, outcome }))
        };
        let request = match &known.request {
            Ok(request) => request,
            Err(error) => return Ok(respond(Err(*error))),
        };
        let expected_user = match self.expected_user(request).await? {
            Ok(expected_user) => expected_user,
            Err(error) => return Ok(respond(Err(error))),
        };
        let remembered = match current {
            Some(current) if !client.is_first_party => self.consent(current.user.id, client).await?,
            _ => None,
        };
        let now_ms = self.now_ms();
        let state = |signed_in: Option<SignedIn>| {
            SignInState {
                request,
                redirect_uri: &known.callback.redirect_uri,
                client,
                began_at_ms: pending.began_at_ms(now_ms),
                signed_in,
                expected_user,
                remembered: remembered.as_ref(),
                allowed_now: action.allowed.as_ref(),
                has_chosen: action.has_chosen,
                has_just_signed_in: action.has_signed_in,
                arrival: action.arrival,
                now_ms,
            }
            .next()
        };
        let signed_in = current
            .map(|current| SignedIn { user_id: current.user.id, signed_in_at_ms: current.signed_in_at_ms });
        let mut step = state(signed_in);
        if let (SignInStep::Grant, Some(current)) = (&step, current) {
            match self.code(&known, request, current, initiator).await? {
                CodeOutcome::Issued(code) => return Ok(respond(Ok(code))),
                CodeOutcome::ClientEnded => {
                    return Ok(Progress::Unanswered(UnansweredRequest::UnknownClient));
                }
                CodeOutcome::ExceedsGrant(_) => return Ok(respond(Err(AuthorizationError::InvalidScope))),
                // The session ended a moment ago: nobody is signed in.
                CodeOutcome::CredentialsChanged => step = state(None),
            }
        }
        let page = match step {
            SignInStep::Refuse(error) => return Ok(respond(Err(error))),
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
        let pending = pending_for(&page, &pending, current, &request.grant.audience);
        Ok(Progress::Page(Box::new(NeededPage {
            page,
            client: client.clone(),
            redirect_uri: known.callback.redirect_uri.clone(),
            pending,
            login_hint: request.login_hint.clone(),
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
            Ok(Known { registered, callback, .. }) => {
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
        let Ok(Known { registered, .. }) = known else { return Ok(false) };
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

    /// Finds the client and checks the redirect URI, before anything else may be answered.
    async fn known(&self, parameters: &Parameters) -> Result<Result<Known, UnansweredRequest>, SignInError> {
        let client_id = match parameters.client_id() {
            Ok(client_id) => client_id,
            Err(unanswered) => return Ok(Err(unanswered)),
        };
        let registered = self.parts.clients.find(client_id).await?;
        let Some(registered) = registered.filter(|registered| registered.client.is_active) else {
            return Ok(Err(UnansweredRequest::UnknownClient));
        };
        let callback = match parameters.redirect_uri(&registered.client) {
            Ok(redirect_uri) => Callback::of(parameters, redirect_uri),
            Err(unanswered) => return Ok(Err(unanswered)),
        };
        let request = AuthorizationRequest::parse(parameters, &registered.client);
        Ok(Ok(Known { registered, callback, request }))
    }

    /// The user whom the request names by an `id_token_hint` or by the claim `sub`.
    async fn expected_user(
        &self,
        request: &AuthorizationRequest,
    ) -> Result<Result<Option<Uuid>, AuthorizationError>, SignInError> {
        let named = match &request.id_token_hint {
            Some(hint) => match self.read_hint(hint).await? {
                Some(claims) => Some(claims.sub),
                None => {
                    return Ok(Err(AuthorizationError::InvalidRequest(
                        "id_token_hint is no id_token of this issuer",
                    )));
                }
            },
            None => None,
        };
        let subject = match (named, &request.claims.subject) {
            (Some(hint), Some(claim)) if hint != *claim => {
                return Ok(Err(AuthorizationError::InvalidRequest("id_token_hint and the claim sub differ")));
            }
            (Some(subject), _) => Some(subject),
            (None, claim) => claim.clone(),
        };
        // A text that is no id of ours names nobody who could sign in.
        Ok(Ok(subject.map(|subject| subject.parse().unwrap_or(Uuid::nil()))))
    }

    async fn consent(&self, user_id: Uuid, client: &Client) -> Result<Option<Consent>, SignInError> {
        let (database, client_id) = (self.parts.unit_of_work.database(), client.id.to_string());
        Ok(database.read(move |conn| Ok::<_, TokenError>(consents::find(conn, user_id, &client_id)?)).await?)
    }

    async fn code(
        &self,
        known: &Known,
        request: &AuthorizationRequest,
        current: &CurrentSession,
        initiator: &Initiator,
    ) -> Result<CodeOutcome, SignInError> {
        let parameters = NewCode {
            user_id: current.user.id,
            version: current.session.credentials_version,
            client_id: known.registered.client.id.to_string(),
            redirect_uri: known.callback.redirect_uri.clone(),
            challenge: request.challenge.clone(),
            access: AccessRequest {
                scope: Some(request.grant.scope.clone()),
                resources: request.grant.audience.clone(),
            },
            userinfo_claims: request.grant.userinfo_claims.clone(),
            response_mode: known.callback.mode,
            nonce: request.nonce.clone(),
            amr: current.session.amr.clone(),
            auth_time_s: current.signed_in_at_ms.div_euclid(1000),
            device: initiator.device.clone(),
            browser_session_id: Some(current.session.id),
        };
        Ok(self.parts.tokens.issue_code(parameters).await?)
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
