//! Reads the request of a sign-in: first its client and redirect URI, then everything else.

use std::sync::Arc;

use uuid::Uuid;

use super::progress::{Action, ClientResponse, Progress};
use super::{CurrentSession, PendingSignIn, SignInError, SignIns};
use crate::clients::RegisteredClient;
use crate::domain::authorization_request::{
    AuthorizationError, AuthorizationRequest, Callback, Parameters, UnansweredRequest,
};
use crate::domain::sign_in_step::{SignInState, SignedIn};
use crate::domain::{AuthorizationCode, Client, Consent, Initiator, OpaqueSecret};
use crate::tokens::{AccessRequest, NewCode};

/// A request whose client and redirect URI are known, so that an error in it can be answered to the client.
pub(super) struct KnownRequest {
    pub(super) registered: Arc<RegisteredClient>,
    pub(super) callback: Callback,
    pub(super) request: Result<AuthorizationRequest, AuthorizationError>,
}

/// A request in which no error was found.
pub(super) struct ReadyRequest {
    registered: Arc<RegisteredClient>,
    pub(super) callback: Callback,
    pub(super) request: AuthorizationRequest,
    /// The user for whom the answer must be, if the request names one.
    expected_user: Option<Uuid>,
}

impl ReadyRequest {
    /// The client, as it was when the request was read.
    pub(super) fn client(&self) -> &Client {
        &self.registered.client
    }

    /// Whether a page follows when the request's address is opened, whoever is signed in.
    pub(super) fn needs_page(&self) -> bool {
        let (client, prompt) = (self.client(), self.request.prompt);
        let asks = prompt.login || prompt.select_account || (prompt.consent && !client.is_first_party);
        asks || client.is_native_at(&self.callback.redirect_uri)
    }

    /// What the decision on the next step depends on.
    pub(super) fn state<'a>(
        &'a self,
        pending: &PendingSignIn,
        current: Option<&CurrentSession>,
        remembered: Option<&'a Consent>,
        action: &'a Action,
        now_ms: i64,
    ) -> SignInState<'a> {
        let signed_in = current
            .map(|current| SignedIn { user_id: current.user.id, signed_in_at_ms: current.signed_in_at_ms });
        SignInState {
            request: &self.request,
            redirect_uri: &self.callback.redirect_uri,
            client: self.client(),
            began_at_ms: pending.began_at_ms(now_ms),
            signed_in,
            expected_user: self.expected_user,
            remembered,
            allowed_now: action.allowed.as_ref(),
            has_chosen: action.has_chosen,
            has_just_signed_in: action.has_signed_in,
            arrival: action.arrival,
            now_ms,
        }
    }

    /// The code for the person who is signed in.
    pub(super) fn new_code(&self, current: &CurrentSession, initiator: &Initiator) -> NewCode {
        let request = &self.request;
        NewCode {
            user_id: current.user.id,
            version: current.session.credentials_version,
            client_id: self.client().id.to_string(),
            redirect_uri: self.callback.redirect_uri.clone(),
            challenge: request.challenge.clone(),
            access: AccessRequest {
                scope: Some(request.grant.scope.clone()),
                resources: request.grant.audience.clone(),
            },
            userinfo_claims: request.grant.userinfo_claims.clone(),
            response_mode: self.callback.mode,
            nonce: request.nonce.clone(),
            amr: current.session.amr.clone(),
            auth_time_s: current.signed_in_at_ms.div_euclid(1000),
            device: initiator.device.clone(),
            browser_session_id: Some(current.session.id),
        }
    }

    /// The answer for the client.
    pub(super) fn response(
        &self,
        outcome: Result<OpaqueSecret<AuthorizationCode>, AuthorizationError>,
    ) -> Progress {
        let (client_name, callback) = (self.client().name.clone(), self.callback.clone());
        Progress::Response(Box::new(ClientResponse { client_name, callback, outcome }))
    }
}

impl SignIns {
    /// Reads the request that a sign-in carries. An error in it is returned as its answer.
    pub(super) async fn ready(
        &self,
        pending: &PendingSignIn,
    ) -> Result<Result<ReadyRequest, Progress>, SignInError> {
        let known = match pending.parameters() {
            Ok(parameters) => self.known(&parameters).await?,
            Err(unanswered) => Err(unanswered),
        };
        let KnownRequest { registered, callback, request } = match known {
            Ok(known) => known,
            Err(unanswered) => return Ok(Err(Progress::Unanswered(unanswered))),
        };
        let refused = |error| {
            let (client_name, callback) = (registered.client.name.clone(), callback.clone());
            Ok(Err(Progress::Response(Box::new(ClientResponse {
                client_name,
                callback,
                outcome: Err(error),
            }))))
        };
        let request = match request {
            Ok(request) => request,
            Err(error) => return refused(error),
        };
        let expected_user = match self.expected_user(&request).await? {
            Ok(expected_user) => expected_user,
            Err(error) => return refused(error),
        };
        Ok(Ok(ReadyRequest { registered, callback, request, expected_user }))
    }

    /// Finds the client and checks the redirect URI, before anything else may be answered.
    pub(super) async fn known(
        &self,
        parameters: &Parameters,
    ) -> Result<Result<KnownRequest, UnansweredRequest>, SignInError> {
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
        Ok(Ok(KnownRequest { registered, callback, request }))
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
}
