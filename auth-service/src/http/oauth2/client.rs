//! Client authentication.

use std::sync::Arc;

use actix_web::HttpRequest;
use shared_claims::claims::FIRST_PARTY_CLIENT;
use shared_claims::clock::SharedClock;

use super::credentials::{FormCredentials, PresentedCredentials};
use super::error::OauthError;
use crate::audit::Refusals;
use crate::clients::{Clients, RegisteredClient};
use crate::domain::{AuditEvent, AuditKind, Client, Initiator};

/// Authenticates clients. Cheap to clone.
#[derive(Clone)]
pub struct ClientAuth {
    clients: Clients,
    refusals: Refusals,
    clock: SharedClock,
}

/// An active client that has authenticated, or that is public and has given its id.
pub(super) struct KnownClient {
    registered: Arc<RegisteredClient>,
    /// The time that was read before the client was found to be active. Tokens that are issued for this request must
    /// not have a later time (see [`Clients::find`]).
    pub(super) as_of_ms: i64,
}

impl KnownClient {
    pub(super) fn client(&self) -> &Client {
        &self.registered.client
    }

    pub(super) fn id(&self) -> &str {
        self.client().id.as_str()
    }
}

impl ClientAuth {
    /// Builds the authentication. Failures are recorded in `refusals`.
    pub fn new(clients: Clients, refusals: Refusals, clock: SharedClock) -> Self {
        Self { clients, refusals, clock }
    }

    /// The registry of clients.
    pub(super) fn clients(&self) -> &Clients {
        &self.clients
    }

    /// Authenticates a registered client.
    pub(super) async fn authenticate(
        &self,
        request: &HttpRequest,
        form: FormCredentials<'_>,
        initiator: &Initiator,
    ) -> Result<KnownClient, OauthError> {
        self.check(&PresentedCredentials::read(request, form)?, initiator).await
    }

    /// Authenticates a confidential client. A public client is refused because it proves nothing.
    pub(super) async fn authenticate_confidential(
        &self,
        request: &HttpRequest,
        form: FormCredentials<'_>,
        initiator: &Initiator,
    ) -> Result<KnownClient, OauthError> {
        let client = self.authenticate(request, form, initiator).await?;
        if client.client().is_public { Err(OauthError::InvalidClient) } else { Ok(client) }
    }

    /// Whether the client of a token is enabled.
    pub(super) async fn is_active(&self, id: &str) -> Result<bool, OauthError> {
        if id == FIRST_PARTY_CLIENT {
            return Ok(true);
        }
        Ok(self.clients.find(id).await?.is_some_and(|registered| registered.client.is_active))
    }

    /// Authenticates a registered client or the built-in first-party client. Returns its id.
    pub(super) async fn authenticate_any(
        &self,
        request: &HttpRequest,
        form: FormCredentials<'_>,
        initiator: &Initiator,
    ) -> Result<String, OauthError> {
        let presented = PresentedCredentials::read(request, form)?;
        if presented.id == FIRST_PARTY_CLIENT && presented.secret.is_none() {
            return Ok(presented.id);
        }
        Ok(self.check(&presented, initiator).await?.id().to_owned())
    }

    async fn check(
        &self,
        presented: &PresentedCredentials,
        initiator: &Initiator,
    ) -> Result<KnownClient, OauthError> {
        let as_of_ms = self.clock.now_ms();
        let refused = AuditEvent::new(AuditKind::ClientRefused, initiator);
        let refused = match self.clients.find(&presented.id).await? {
            // An unknown id is not recorded, because it may be a secret in the wrong field.
            None => refused.reason("unknown_client"),
            Some(registered) => match why_not(&registered, presented, as_of_ms) {
                None => return Ok(KnownClient { registered, as_of_ms }),
                Some(reason) => refused.client(&presented.id).reason(reason),
            },
        };
        self.refusals.record(refused).await;
        Err(OauthError::InvalidClient)
    }
}

/// The reason to refuse the client, or `None` if it has authenticated.
fn why_not(
    registered: &RegisteredClient,
    presented: &PresentedCredentials,
    now_ms: i64,
) -> Option<&'static str> {
    let client = &registered.client;
    let is_right = presented.secret.as_ref().map(|secret| registered.accepts(secret, now_ms));
    match (client.is_public, is_right) {
        (true, Some(_)) => Some("unexpected_secret"),
        (false, None) => Some("no_secret"),
        (false, Some(false)) => Some("wrong_secret"),
        (true, None) | (false, Some(true)) => (!client.is_active).then_some("disabled"),
    }
}
