//! Client authentication: `client_secret_basic`, `client_secret_post` or `none` (OIDC Core §9).

use std::borrow::Cow;
use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use shared_claims::claims::FIRST_PARTY_CLIENT;
use shared_claims::clock::SharedClock;

use super::error::OauthError;
use crate::audit::Refusals;
use crate::clients::{Clients, RegisteredClient};
use crate::domain::{AuditEvent, AuditKind, Client, ClientSecretPlain, Initiator};

/// Authenticates clients. Cheap to clone.
#[derive(Clone)]
pub struct ClientAuth {
    clients: Clients,
    refusals: Refusals,
    clock: SharedClock,
}

/// An active client that has authenticated, or that is public and has given its id.
pub(super) struct AuthenticatedClient {
    registered: Arc<RegisteredClient>,
    /// The time that was read before the client was found to be active. Tokens that are issued for this request must
    /// not have a later time (see [`Clients::find`]).
    pub(super) as_of_ms: i64,
}

impl AuthenticatedClient {
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
    ) -> Result<AuthenticatedClient, OauthError> {
        self.check(&PresentedCredentials::read(request, form)?, initiator).await
    }

    /// Authenticates a confidential client. A public client is refused because it proves nothing.
    pub(super) async fn authenticate_confidential(
        &self,
        request: &HttpRequest,
        form: FormCredentials<'_>,
        initiator: &Initiator,
    ) -> Result<AuthenticatedClient, OauthError> {
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
    ) -> Result<AuthenticatedClient, OauthError> {
        let as_of_ms = self.clock.now_ms();
        let refused = AuditEvent::new(AuditKind::ClientRefused, initiator);
        let refused = match self.clients.find(&presented.id).await? {
            // An unknown id is not recorded, because it may be a secret in the wrong field.
            None => refused.reason("unknown_client"),
            Some(registered) => match failure_reason(&registered, presented, as_of_ms) {
                None => return Ok(AuthenticatedClient { registered, as_of_ms }),
                Some(reason) => refused.client(&presented.id).reason(reason),
            },
        };
        self.refusals.record(refused).await;
        Err(OauthError::InvalidClient)
    }
}

/// The reason to refuse the client, or `None` if it has authenticated.
fn failure_reason(
    registered: &RegisteredClient,
    presented: &PresentedCredentials,
    now_ms: i64,
) -> Option<&'static str> {
    let client = &registered.client;
    let is_correct = presented.secret.as_ref().map(|secret| registered.accepts(secret, now_ms));
    match (client.is_public, is_correct) {
        (true, Some(_)) => Some("unexpected_secret"),
        (false, None) => Some("no_secret"),
        (false, Some(false)) => Some("wrong_secret"),
        (true, None) | (false, Some(true)) => (!client.is_active).then_some("disabled"),
    }
}

/// The parameters of a form by which a client authenticates.
#[derive(Clone, Copy)]
pub(super) struct FormCredentials<'a> {
    /// `client_id`.
    pub(super) id: Option<&'a str>,
    /// `client_secret`.
    pub(super) secret: Option<&'a str>,
}

/// The credentials that a client presents, not verified yet.
#[derive(Debug)]
pub(super) struct PresentedCredentials {
    pub(super) id: String,
    /// The secret; `None` if it is missing or empty (RFC 6749 §2.3.1).
    pub(super) secret: Option<ClientSecretPlain>,
}

impl PresentedCredentials {
    /// Reads the credentials from the header or from the form. A request must not use both, except that the form may
    /// repeat the id of the header.
    pub(super) fn read(request: &HttpRequest, form: FormCredentials<'_>) -> Result<Self, OauthError> {
        let mut headers = request.headers().get_all(AUTHORIZATION);
        let (id, secret) = match (headers.next(), headers.next()) {
            (None, _) => {
                let id = form.id.ok_or(OauthError::InvalidClient)?;
                (id.to_owned(), form.secret.map(str::to_owned))
            }
            (Some(header), None) => {
                let header = header.to_str().ok().and_then(basic).ok_or(OauthError::InvalidClient)?;
                let is_another = form.id.is_some_and(|named| named != header.0);
                if is_another || form.secret.is_some() {
                    return Err(TWO_WAYS);
                }
                (header.0, Some(header.1))
            }
            (Some(_), Some(_)) => return Err(TWO_WAYS),
        };
        let secret = secret.filter(|secret| !secret.is_empty());
        Ok(Self { id, secret: secret.map(|secret| ClientSecretPlain::presented(&secret)) })
    }
}

const TWO_WAYS: OauthError = OauthError::InvalidRequest("the client authenticates in more than one way");

/// Decodes the id and secret of a Basic header, each of which is form-encoded (RFC 6749 §2.3.1).
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((decode(id)?, decode(secret)?))
}

/// Decodes form encoding; `None` if the result is not UTF-8.
fn decode(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_halves_of_a_basic_header_are_form_encoded() {
        let header = |text: &str| format!("bAsIc {}", STANDARD.encode(text));
        let read = |text: &str| basic(&header(text));
        let pair = |id: &str, secret: &str| Some((id.to_owned(), secret.to_owned()));
        assert_eq!(read("id:a%3Ab%25c%2Bd+%C3%A4"), pair("id", "a:b%c+d ä"));
        assert_eq!(read("i%3Ad:a:b"), pair("i:d", "a:b"));
        assert_eq!(read("id:"), pair("id", ""));
        assert_eq!(read("no colon"), None);
        assert_eq!(read("id:%FF"), None);
        for bad in ["", "Basic", "Basic ", "Basic !!!!", "Bearer aWQ6eA==", "Basic /w=="] {
            assert_eq!(basic(bad), None, "{bad:?}");
        }
    }
}
