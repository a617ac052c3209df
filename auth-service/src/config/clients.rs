//! The setting `clients`: OAuth clients that a deployment declares.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use service_kit::config::{InvalidSetting, Secret, trimmed};

use super::strength::is_varied;
use crate::clients::{ClientDeclaration, ClientMetadata, DeclaredSecret, Lifetime};
use crate::domain::{Client, ClientId, ClientSecretPlain, InvalidClient};

/// The fewest characters of a declared secret, so that a random one cannot be guessed. A secret of few different
/// characters is refused too.
const MIN_SECRET_LENGTH: usize = 32;
/// The longest time that a previous secret may stay valid, in seconds: one year.
const MAX_KEEP_S: i64 = 31_536_000;

/// A client that the configuration declares. `ClientMetadata` defines the properties, and says why they stand here
/// again.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a list of clients: tables in a file, a JSON array in the environment"
)]
pub struct DeclaredClient {
    /// Its `client_id`.
    pub id: String,
    /// A name for people; default: its id.
    pub name: Option<String>,
    /// Whether it is a public client, which has no secret.
    #[serde(default)]
    pub public: bool,
    /// The secret of a confidential client, of at least 32 characters.
    pub secret: Option<Secret>,
    /// A file that contains the secret.
    pub secret_file: Option<PathBuf>,
    /// How long the previous secret stays valid after another one is declared, in seconds.
    #[serde(default)]
    pub keep_old_secret_seconds: i64,
    /// The grant types it may use.
    #[serde(default)]
    pub grants: Vec<String>,
    /// The scopes its tokens may have.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// The resource servers its tokens may be for; default: `tokens.audience`.
    pub audiences: Option<Vec<String>>,
    /// Its redirect URIs.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// Its redirect URIs after a logout.
    #[serde(default)]
    pub post_logout_redirect_uris: Vec<String>,
    /// The URI to which logout tokens are posted when somebody signs out. Default: none are sent.
    pub backchannel_logout_uri: Option<String>,
    /// Whether a confidential client may request a code without PKCE.
    #[serde(default)]
    pub pkce_optional: bool,
    /// Whether it is part of the operator's own product: its users are never asked for consent.
    #[serde(default)]
    pub first_party: bool,
    /// Lifetime of its access tokens in seconds; default: `tokens.access_ttl_seconds`.
    pub access_ttl_seconds: Option<i64>,
    /// Lifetime of its refresh tokens in seconds; default: `tokens.refresh_ttl_seconds`.
    pub refresh_ttl_seconds: Option<i64>,
}

/// Parses all declared clients and reads their secrets.
pub(crate) fn read(
    clients: &[DeclaredClient],
    default_audience: &str,
    is_local: bool,
) -> Result<Vec<ClientDeclaration>, InvalidSetting> {
    let mut read: Vec<ClientDeclaration> = Vec::with_capacity(clients.len());
    for (index, client) in clients.iter().enumerate() {
        // The error names the client by its id, but only if the id parses: an invalid id may be a secret in the wrong
        // place, and then the position is used.
        let parsed = ClientId::parse(&client.id);
        let place = parsed.as_ref().map_or_else(|_| index.to_string(), ClientId::to_string);
        let at = |invalid: InvalidSetting| InvalidSetting {
            key: format!("clients[{place}].{}", invalid.key),
            allowed: invalid.allowed,
        };
        let id = parsed.map_err(|_| {
            let allowed =
                "1 to 64 letters, digits and visible ASCII characters, and neither UUID-shaped nor first-party";
            at(InvalidSetting::new("id", allowed))
        })?;
        if read.iter().any(|other| other.id == id) {
            return Err(at(InvalidSetting::new("id", "that of no other client")));
        }
        read.push(client.read(id, default_audience, is_local).map_err(at)?);
    }
    Ok(read)
}

impl DeclaredClient {
    fn read(
        &self,
        id: ClientId,
        default_audience: &str,
        is_local: bool,
    ) -> Result<ClientDeclaration, InvalidSetting> {
        let metadata = self.metadata(default_audience);
        let client = metadata.apply(&Client::blank(id.clone(), 0));
        let checked = client.and_then(|client| client.check_for_issuer(is_local));
        checked.map_err(|invalid| invalid_setting(&invalid))?;
        if !(0..=MAX_KEEP_S).contains(&self.keep_old_secret_seconds) {
            return Err(InvalidSetting::new("keep_old_secret_seconds", format!("from 0 to {MAX_KEEP_S}")));
        }
        Ok(ClientDeclaration { id, metadata, secret: self.read_secret()? })
    }

    /// The metadata with every property given, so that what is not declared gets its default again.
    fn metadata(&self, default_audience: &str) -> ClientMetadata {
        let Self {
            id,
            name,
            public,
            grants,
            scopes,
            audiences,
            redirect_uris,
            post_logout_redirect_uris,
            backchannel_logout_uri,
            pkce_optional,
            first_party,
            access_ttl_seconds,
            refresh_ttl_seconds,
            secret: _,
            secret_file: _,
            keep_old_secret_seconds: _,
        } = self.clone();
        ClientMetadata {
            name: Some(name.unwrap_or(id)),
            public: Some(public),
            grants: Some(grants),
            scopes: Some(scopes),
            audiences: Some(audiences.unwrap_or_else(|| vec![default_audience.to_owned()])),
            redirect_uris: Some(redirect_uris),
            post_logout_redirect_uris: Some(post_logout_redirect_uris),
            backchannel_logout_uri: Some(backchannel_logout_uri.unwrap_or_default()),
            pkce_optional: Some(pkce_optional),
            first_party: Some(first_party),
            access_ttl: Some(Lifetime(access_ttl_seconds)),
            refresh_ttl: Some(Lifetime(refresh_ttl_seconds)),
        }
    }

    fn read_secret(&self) -> Result<Option<DeclaredSecret>, InvalidSetting> {
        let (key, secret) = match (&self.secret, &self.secret_file) {
            (None, None) if self.public => return Ok(None),
            (Some(_), _) if self.public => {
                return Err(InvalidSetting::new("secret", "unset for a public client"));
            }
            (None, Some(_)) if self.public => {
                return Err(InvalidSetting::new("secret_file", "unset for a public client"));
            }
            (None, None) => {
                let allowed = "given (or secret_file) for a client that is not public: openssl rand -hex 32";
                return Err(InvalidSetting::new("secret", allowed));
            }
            (Some(_), Some(_)) => {
                return Err(InvalidSetting::new("secret_file", "unset where there is a secret"));
            }
            (Some(secret), None) => ("secret", secret.expose().to_owned()),
            (None, Some(path)) => {
                let text = std::fs::read_to_string(path).map_err(|error| {
                    InvalidSetting::new("secret_file", format!("a readable text file: {error}"))
                })?;
                ("secret_file", trimmed(&text).to_owned())
            }
        };
        if !is_strong(&secret) {
            let allowed = format!(
                "a random secret of at least {MIN_SECRET_LENGTH} visible ASCII characters: openssl rand -hex 32"
            );
            return Err(InvalidSetting::new(key, allowed));
        }
        let hash = ClientSecretPlain::presented(&secret).hash();
        Ok(Some(DeclaredSecret { hash, keep_old_s: self.keep_old_secret_seconds }))
    }
}

/// RFC 6749 A.2 allows spaces in a secret too. They are refused here because a space at the end would not be seen.
fn is_strong(secret: &str) -> bool {
    secret.len() >= MIN_SECRET_LENGTH
        && is_varied(secret)
        && secret.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Converts the error to one that names the key of the configuration, which has the unit of a lifetime.
fn invalid_setting(invalid: &InvalidClient) -> InvalidSetting {
    let unit = if invalid.field.ends_with("_ttl") { "_seconds" } else { "" };
    InvalidSetting::new(format!("{}{unit}", invalid.field), &invalid.rule)
}
