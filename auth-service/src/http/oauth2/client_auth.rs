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
use crate::domain::{AuditEvent, AuditKind, CallerNetwork, Client, ClientSecretPlain, Initiator};
use crate::throttle::{ClientFailures, Throttle};

/// Authenticates clients. Cheap to clone.
#[derive(Clone)]
pub struct ClientAuth {
    clients: Clients,
    refusals: Refusals,
    failures: Arc<ClientFailures>,
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
    /// Builds the authentication. Failures are recorded in `refusals`, and counted by `throttle`.
    pub fn new(clients: Clients, refusals: Refusals, throttle: Throttle, clock: SharedClock) -> Self {
        let failures = Arc::new(ClientFailures::new(throttle, Arc::clone(&clock)));
        Self { clients, refusals, failures, clock }
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
        let PresentedCredentials { decoded: ClientCredentials { id, secret }, .. } = &presented;
        if id == FIRST_PARTY_CLIENT && secret.is_none() {
            return Ok(id.clone());
        }
        Ok(self.check(&presented, initiator).await?.id().to_owned())
    }

    /// Judges the credentials. Of a network with too many failures those with a secret are refused, right or wrong; a public
    /// client presents nothing that could be guessed, and goes on.
    async fn check(
        &self,
        presented: &PresentedCredentials,
        initiator: &Initiator,
    ) -> Result<AuthenticatedClient, OauthError> {
        let network = CallerNetwork::of(initiator.device.address.as_deref());
        let refusal = self.failures.refusal(network);
        let as_of_ms = self.clock.now_ms();
        let judged = self.judge(&presented.decoded, as_of_ms).await?;
        if let Some(throttled) = refusal
            && !judged.as_ref().is_ok_and(|registered| registered.client.is_public)
        {
            return Err(OauthError::Throttled(throttled));
        }
        let reason = match judged {
            Ok(registered) => return Ok(AuthenticatedClient { registered, as_of_ms }),
            Err(reason) => reason,
        };
        if let Some(as_sent) = &presented.as_sent
            && let Ok(registered) = self.judge(as_sent, as_of_ms).await?
        {
            return Ok(AuthenticatedClient { registered, as_of_ms });
        }
        let refused = AuditEvent::new(AuditKind::ClientRefused, initiator).reason(reason);
        // An unknown id is not recorded, because it may be a secret in the wrong field.
        let id = &presented.decoded.id;
        if reason == UNKNOWN_CLIENT {
            self.refusals.record_unknown(refused, id).await;
        } else {
            self.refusals.record(refused.client(id)).await;
        }
        self.failures.count(network).await.map_err(OauthError::Throttled)?;
        Err(OauthError::InvalidClient)
    }

    /// The client that has authenticated, or the reason to refuse it.
    async fn judge(
        &self,
        credentials: &ClientCredentials,
        now_ms: i64,
    ) -> Result<Result<Arc<RegisteredClient>, &'static str>, OauthError> {
        let Some(registered) = self.clients.find(&credentials.id).await? else {
            return Ok(Err(UNKNOWN_CLIENT));
        };
        Ok(match failure_reason(&registered, credentials, now_ms) {
            None => Ok(registered),
            Some(reason) => Err(reason),
        })
    }
}

/// The reason for an id that no client has.
const UNKNOWN_CLIENT: &str = "unknown_client";

/// The reason to refuse the client, or `None` if it has authenticated.
fn failure_reason(
    registered: &RegisteredClient,
    presented: &ClientCredentials,
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

/// An id and a secret.
#[derive(Debug)]
struct ClientCredentials {
    id: String,
    /// The secret; `None` if it is missing or empty (RFC 6749 §2.3.1).
    secret: Option<ClientSecretPlain>,
}

impl ClientCredentials {
    fn new(id: String, secret: Option<&str>) -> Self {
        let secret = secret.filter(|secret| !secret.is_empty());
        Self { id, secret: secret.map(ClientSecretPlain::presented) }
    }
}

/// The credentials that a client presents, not verified yet.
#[derive(Debug)]
struct PresentedCredentials {
    decoded: ClientCredentials,
    /// Those of a Basic header without decoding, if that makes a difference. Many clients do not encode them.
    as_sent: Option<ClientCredentials>,
}

impl PresentedCredentials {
    /// Reads the credentials from the header or from the form. A request must not use both, except that the form may
    /// repeat the id of the header.
    fn read(request: &HttpRequest, form: FormCredentials<'_>) -> Result<Self, OauthError> {
        let mut headers = request.headers().get_all(AUTHORIZATION);
        match (headers.next(), headers.next()) {
            (None, _) => {
                let id = form.id.ok_or(OauthError::InvalidClient)?;
                Ok(Self { decoded: ClientCredentials::new(id.to_owned(), form.secret), as_sent: None })
            }
            (Some(header), None) => {
                let (id, secret) = header.to_str().ok().and_then(basic).ok_or(OauthError::InvalidClient)?;
                let decoded = decode(&id).zip(decode(&secret));
                let (decoded, as_sent) = match decoded {
                    Some(decoded) if decoded.0 == id && decoded.1 == secret => (decoded, None),
                    Some(decoded) => (decoded, Some((id, secret))),
                    None => ((id, secret), None),
                };
                let is_id =
                    |named: &str| named == decoded.0 || as_sent.as_ref().is_some_and(|(id, _)| named == id);
                if form.id.is_some_and(|named| !is_id(named)) || form.secret.is_some() {
                    return Err(TWO_WAYS);
                }
                let credentials = |(id, secret): (String, String)| ClientCredentials::new(id, Some(&secret));
                Ok(Self { decoded: credentials(decoded), as_sent: as_sent.map(credentials) })
            }
            (Some(_), Some(_)) => Err(TWO_WAYS),
        }
    }
}

const TWO_WAYS: OauthError = OauthError::InvalidRequest("the client authenticates in more than one way");

/// The id and secret of a Basic header as they were sent.
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}

/// Decodes form encoding, which RFC 6749 §2.3.1 asks for; `None` if the result is not UTF-8.
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
        let read = |text: &str| {
            let (id, secret) = basic(&header(text))?;
            decode(&id).zip(decode(&secret))
        };
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
