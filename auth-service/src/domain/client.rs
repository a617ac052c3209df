//! An OAuth client (RFC 6749 §2): who may ask for which tokens, and how.

use std::fmt;

use shared_claims::claims::FIRST_PARTY_CLIENT;
use shared_claims::scope::Scopes;
use uuid::Uuid;

use super::RedirectUri;

const MAX_ID: usize = 64;

/// The id of a client: 1 to 64 of `A–Z a–z 0–9 - . _ ~`, and neither UUID-shaped (it would look like a user's id in `sub`)
/// nor one that Latchkey keeps for itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientId(String);

/// Why a text is no client id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidClientId {
    /// Empty, too long, or with other characters.
    #[error("a client id is 1 to {MAX_ID} of the characters A-Z a-z 0-9 - . _ ~")]
    Shape,
    /// It would look like a user's.
    #[error("a client id must not look like a UUID: those are the users' ids")]
    Uuid,
    /// `first-party` is built in.
    #[error("{FIRST_PARTY_CLIENT} is built in")]
    Reserved,
}

impl ClientId {
    /// Parses the id of a client that is to be made.
    pub fn parse(text: &str) -> Result<Self, InvalidClientId> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if text.is_empty() || text.len() > MAX_ID || !text.bytes().all(allowed) {
            return Err(InvalidClientId::Shape);
        }
        if Uuid::try_parse(text).is_ok() {
            return Err(InvalidClientId::Uuid);
        }
        if text.eq_ignore_ascii_case(FIRST_PARTY_CLIENT) {
            return Err(InvalidClientId::Reserved);
        }
        Ok(Self(text.to_owned()))
    }

    /// The id as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a client may get tokens (RFC 6749 §4, §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GrantType {
    /// Over the hosted pages (§4.1).
    AuthorizationCode,
    /// What goes on where another grant began (§6).
    RefreshToken,
    /// In its own name (§4.4).
    ClientCredentials,
    /// With a user's password (§4.3): OAuth 2.1 drops it, so it is off unless it is given.
    Password,
}

impl GrantType {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::AuthorizationCode, Self::RefreshToken, Self::ClientCredentials, Self::Password];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
            Self::Password => "password",
        }
    }

    /// The grant of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grant| grant.as_str() == text)
    }
}

/// A client.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, set and asked on its own")]
pub struct Client {
    /// Its `client_id`.
    pub id: ClientId,
    /// What people call it.
    pub name: String,
    /// Whether it has no secret (RFC 6749 §2.1).
    pub is_public: bool,
    /// Whether it gets tokens.
    pub is_active: bool,
    /// Whether the configuration file declares it.
    pub is_declared: bool,
    /// How it may get tokens.
    pub grants: Vec<GrantType>,
    /// What its tokens may permit.
    pub scopes: Scopes,
    /// The resources that its tokens may be for (RFC 8707).
    pub audiences: Vec<String>,
    /// Where codes may be sent.
    pub redirect_uris: Vec<RedirectUri>,
    /// Where a logout may lead.
    pub post_logout_redirect_uris: Vec<RedirectUri>,
    /// Whether a confidential client may ask for a code without PKCE.
    pub pkce_optional: bool,
    /// Life of its access tokens in seconds, if not that of the settings.
    pub access_ttl_s: Option<i64>,
    /// Life of its refresh tokens in seconds, if not that of the settings.
    pub refresh_ttl_s: Option<i64>,
    /// The last cut against it: what is issued later has a `jti` that lies later.
    pub token_cut_ms: Option<i64>,
    /// When it was made.
    pub created_at_ms: i64,
    /// When it last changed.
    pub updated_at_ms: i64,
}

/// Why a description of a client is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidClient {
    /// No name, or too much of one.
    #[error("name: 1 to 100 characters")]
    Name,
    /// Nothing that it could do.
    #[error("grants: at least one of authorization_code, refresh_token, client_credentials, password")]
    NoGrant,
    /// A client without a secret cannot speak in its own name (RFC 6749 §4.4).
    #[error("grants: a public client cannot have client_credentials")]
    PublicClientCredentials,
    /// Nothing begins what it would go on with.
    #[error("grants: refresh_token goes with authorization_code or password")]
    RefreshAlone,
    /// A code needs somewhere to go.
    #[error("redirect-uris: authorization_code needs at least one")]
    NoRedirectUri,
    /// OAuth 2.1 §4.1.1: public clients prove that they asked.
    #[error("pkce-optional: a public client always needs PKCE")]
    PublicWithoutPkce,
    /// An audience that is empty, or holds white space or a control character.
    #[error("audiences: {0:?} is no resource identifier")]
    Audience(String),
    /// A lifetime that nobody can mean.
    #[error("{0}: {1} to {2} seconds")]
    Lifetime(&'static str, i64, i64),
}

impl Client {
    /// Whether the description makes sense.
    pub fn check(&self) -> Result<(), InvalidClient> {
        if self.name.trim().is_empty() || self.name.chars().count() > 100 {
            return Err(InvalidClient::Name);
        }
        let has = |grant| self.grants.contains(&grant);
        if self.grants.is_empty() {
            return Err(InvalidClient::NoGrant);
        }
        if self.is_public && has(GrantType::ClientCredentials) {
            return Err(InvalidClient::PublicClientCredentials);
        }
        if has(GrantType::RefreshToken) && !has(GrantType::AuthorizationCode) && !has(GrantType::Password) {
            return Err(InvalidClient::RefreshAlone);
        }
        if has(GrantType::AuthorizationCode) && self.redirect_uris.is_empty() {
            return Err(InvalidClient::NoRedirectUri);
        }
        if self.is_public && self.pkce_optional {
            return Err(InvalidClient::PublicWithoutPkce);
        }
        let bad = |audience: &&String| {
            audience.is_empty() || audience.chars().any(|c| c.is_whitespace() || c.is_control())
        };
        if let Some(audience) = self.audiences.iter().find(bad) {
            return Err(InvalidClient::Audience(audience.clone()));
        }
        let within = |ttl: Option<i64>, longest| ttl.is_none_or(|ttl| (1..=longest).contains(&ttl));
        if !within(self.access_ttl_s, MAX_ACCESS_TTL_S) {
            return Err(InvalidClient::Lifetime("access-ttl", 1, MAX_ACCESS_TTL_S));
        }
        if !within(self.refresh_ttl_s, MAX_REFRESH_TTL_S) {
            return Err(InvalidClient::Lifetime("refresh-ttl", 1, MAX_REFRESH_TTL_S));
        }
        Ok(())
    }

    /// Whether it may get tokens this way.
    pub fn may(&self, grant: GrantType) -> bool {
        self.grants.contains(&grant)
    }
}

/// The longest life of an access token, as the settings have it too.
pub const MAX_ACCESS_TTL_S: i64 = 86_400;
/// The longest life of a refresh token, as the settings have it too.
pub const MAX_REFRESH_TTL_S: i64 = 315_360_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_plain_and_looks_like_no_user() {
        for good in ["a", "billing", "Billing-2.0_x~", &"x".repeat(64)] {
            assert_eq!(ClientId::parse(good).map(|id| id.to_string()), Ok(good.to_owned()));
        }
        for bad in ["", "a b", "a:b", "ä", "a/b", "a\0", "a%20", &"x".repeat(65)] {
            assert_eq!(ClientId::parse(bad), Err(InvalidClientId::Shape), "{bad:?}");
        }
        let user = "01a20c9b-1111-7222-8333-444455556666";
        for uuid in [user.to_owned(), user.to_uppercase(), user.replace('-', "")] {
            assert_eq!(ClientId::parse(&uuid), Err(InvalidClientId::Uuid), "{uuid}");
        }
        for ours in ["first-party", "First-Party"] {
            assert_eq!(ClientId::parse(ours), Err(InvalidClientId::Reserved));
        }
    }

    fn client(change: impl FnOnce(&mut Client)) -> Result<(), InvalidClient> {
        let mut client = Client {
            id: ClientId::parse("billing").unwrap(),
            name: "Billing".to_owned(),
            is_public: false,
            is_active: true,
            is_declared: false,
            grants: vec![GrantType::ClientCredentials],
            scopes: Scopes::default(),
            audiences: vec!["todo-service".to_owned()],
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            pkce_optional: false,
            access_ttl_s: None,
            refresh_ttl_s: None,
            token_cut_ms: None,
            created_at_ms: 0,
            updated_at_ms: 0,
        };
        change(&mut client);
        client.check()
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        assert_eq!(client(|_| {}), Ok(()));
        assert_eq!(client(|client| client.name = " ".to_owned()), Err(InvalidClient::Name));
        assert_eq!(client(|client| client.grants.clear()), Err(InvalidClient::NoGrant));
        assert_eq!(client(|client| client.is_public = true), Err(InvalidClient::PublicClientCredentials));
        assert_eq!(
            client(|client| client.grants.push(GrantType::RefreshToken)),
            Err(InvalidClient::RefreshAlone)
        );
        assert_eq!(
            client(|client| client.grants = vec![GrantType::AuthorizationCode]),
            Err(InvalidClient::NoRedirectUri)
        );
        for bad in ["", "a b", "a\n"] {
            let refused = client(|client| client.audiences.push(bad.to_owned()));
            assert_eq!(refused, Err(InvalidClient::Audience(bad.to_owned())));
        }
        assert!(client(|client| client.access_ttl_s = Some(0)).is_err());
        assert!(client(|client| client.refresh_ttl_s = Some(i64::MAX)).is_err());
    }
}
