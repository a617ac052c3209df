//! Sends logout tokens to clients (OpenID Connect Back-Channel Logout 1.0).

use std::time::Duration;

use serde::Serialize;
use service_kit::database::Database;
use shared_claims::clock::SharedClock;

use crate::domain::{Client, LOGOUT_TOKEN, LogoutNotice, QueuedMessage};
use crate::keys::KeyStore;
use crate::outbound::{CALL_LIMIT, CALLS_PER_HOST, Outbound};
use crate::queue::{Delivery, Handler, Sending};
use crate::random::Random;
use crate::storage::clients;

/// The `typ` of a logout token.
pub const LOGOUT_TOKEN_TYPE: &str = "logout+jwt";

/// The lifetime of a logout token, in seconds: its `exp` minus its `iat`.
const LIFE_S: i64 = 120;

/// How long a try may take: the call, and what comes before it.
const TRY_LIMIT: Duration = CALL_LIMIT.saturating_add(Duration::from_secs(2));

/// The claims of a logout token (§2.4). It has no `nonce`, so that it is no `id_token`.
#[derive(Clone, Debug, Serialize)]
struct LogoutTokenClaims<'a> {
    iss: &'a str,
    sub: String,
    aud: &'a str,
    iat: i64,
    exp: i64,
    jti: String,
    sid: String,
    events: Events,
}

#[derive(Clone, Debug, Serialize)]
struct Events {
    #[serde(rename = "http://schemas.openid.net/event/backchannel-logout")]
    backchannel_logout: Empty,
}

#[derive(Clone, Debug, Serialize)]
struct Empty {}

/// The parts that [`LogoutTokens`] is built from.
pub struct LogoutTokenParts {
    /// The database, from which the client's logout URI is read at each try.
    pub database: Database,
    /// The clock.
    pub clock: SharedClock,
    /// Randomness.
    pub random: Random,
    /// The signing keys.
    pub keys: KeyStore,
    /// The HTTP client.
    pub outbound: Outbound,
    /// The `iss` of tokens.
    pub issuer: String,
}

/// The handler of logout tokens.
pub struct LogoutTokens {
    parts: LogoutTokenParts,
}

impl LogoutTokens {
    /// Builds the handler.
    pub fn new(parts: LogoutTokenParts) -> Self {
        Self { parts }
    }

    async fn tell(&self, message: &QueuedMessage) -> Delivery {
        let Some(notice) = LogoutNotice::read(&message.payload) else {
            return Delivery::Failed("the payload cannot be read".to_owned());
        };
        let id = message.receiver.clone();
        let found = self.parts.database.read(move |conn| clients::find(conn, &id));
        let client = match found.await {
            Ok(Some(client)) => client,
            Ok(None) => return Delivery::Pointless("the client was deleted"),
            Err(error) => return Delivery::Failed(format!("the client cannot be read: {error}")),
        };
        // The address is the one that is registered now, so that a corrected one counts for messages that wait.
        let Some(uri) = &client.backchannel_logout_uri else {
            return Delivery::Pointless("the client wants to be told no more");
        };
        let token = match self.token(&client, notice).await {
            Ok(token) => token,
            Err(error) => return Delivery::Failed(format!("the logout token cannot be signed: {error}")),
        };
        // A JWT has no character that a form would encode.
        match self.parts.outbound.post_form(uri.url(), format!("logout_token={token}")).await {
            Ok(200..=299) => Delivery::Delivered,
            Ok(status) => Delivery::Failed(format!("answered {status}")),
            Err(error) => Delivery::Failed(error.to_string()),
        }
    }

    /// Makes a token for one try.
    async fn token(&self, client: &Client, notice: LogoutNotice) -> Result<String, crate::keys::KeysError> {
        let iat = self.parts.clock.now_seconds();
        let exp = iat.saturating_add(LIFE_S);
        let claims = LogoutTokenClaims {
            iss: &self.parts.issuer,
            sub: notice.sub.to_string(),
            aud: client.id.as_str(),
            iat,
            exp,
            jti: self.parts.random.uuid().to_string(),
            sid: notice.sid.to_string(),
            events: Events { backchannel_logout: Empty {} },
        };
        self.parts.keys.sign_as(LOGOUT_TOKEN_TYPE, &claims, exp).await
    }
}

impl Handler for LogoutTokens {
    fn kind(&self) -> &'static str {
        LOGOUT_TOKEN
    }

    fn time_limit(&self) -> Duration {
        TRY_LIMIT
    }

    fn most_at_a_time(&self) -> usize {
        CALLS_PER_HOST
    }

    fn send(&self, message: QueuedMessage) -> Sending<'_> {
        Box::pin(async move { self.tell(&message).await })
    }
}
