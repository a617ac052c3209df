//! An OAuth client (RFC 6749 §2): which tokens it may request, and how.

use shared_claims::issuer::contract::MAX_ACCESS_TOKEN_LIFE_S;
use shared_claims::scope::Scopes;

use super::{ClientId, GrantType, LogoutUri, RedirectUri};

/// A client.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, set and asked on its own")]
pub struct Client {
    /// Its `client_id`.
    pub id: ClientId,
    /// A name for people.
    pub name: String,
    /// Whether it is a public client, which has no secret (RFC 6749 §2.1).
    pub is_public: bool,
    /// Whether it is enabled and can get tokens.
    pub is_active: bool,
    /// Whether the configuration file declares it.
    pub is_declared: bool,
    /// The grant types it may use.
    pub grants: Vec<GrantType>,
    /// The scopes its tokens may have.
    pub scopes: Scopes,
    /// The resources that its tokens may be for (RFC 8707).
    pub audiences: Vec<String>,
    /// Its redirect URIs.
    pub redirect_uris: Vec<RedirectUri>,
    /// Its redirect URIs after a logout.
    pub post_logout_redirect_uris: Vec<RedirectUri>,
    /// The URI to which logout tokens are posted (OpenID Connect Back-Channel Logout §2.2).
    pub backchannel_logout_uri: Option<LogoutUri>,
    /// Whether a confidential client may request a code without PKCE.
    pub pkce_optional: bool,
    /// Whether it is part of the operator's own product: its users are never asked for consent.
    pub is_first_party: bool,
    /// Lifetime of its access tokens in seconds; `None` for the default from the settings.
    pub access_ttl_s: Option<i64>,
    /// Lifetime of its refresh tokens in seconds; `None` for the default from the settings.
    pub refresh_ttl_s: Option<i64>,
    /// The last cut against it: its tokens whose `jti` time is not later than this are revoked.
    pub token_cut_ms: Option<i64>,
    /// When it was created.
    pub created_at_ms: i64,
    /// When it last changed.
    pub updated_at_ms: i64,
}

/// Why the metadata of a client is not valid. The message never contains a value, because the value may be a secret in
/// the wrong place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: must be {rule}", option_name(field))]
pub struct InvalidClient {
    /// The name of the property that is not valid, as in `ClientMetadata`.
    pub field: &'static str,
    /// What is allowed, as a text that follows "must be".
    pub rule: String,
}

impl InvalidClient {
    /// An error about this property.
    pub fn new(field: &'static str, rule: impl Into<String>) -> Self {
        Self { field, rule: rule.into() }
    }
}

/// The command-line option for a property of a client, without its dashes: `redirect-uris` for `redirect_uris`.
pub fn option_name(field: &str) -> String {
    field.replace('_', "-")
}

/// The list of grant types, for an error message.
pub const ALLOWED_GRANTS: &str = "of authorization_code, refresh_token, client_credentials, password";

impl Client {
    /// A client that has no grant types, scopes or redirect URIs yet.
    pub fn blank(id: ClientId, now_ms: i64) -> Self {
        Self {
            id,
            name: String::new(),
            is_public: false,
            is_active: true,
            is_declared: false,
            grants: Vec::new(),
            scopes: Scopes::default(),
            audiences: Vec::new(),
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            backchannel_logout_uri: None,
            pkce_optional: false,
            is_first_party: false,
            access_ttl_s: None,
            refresh_ttl_s: None,
            token_cut_ms: None,
            created_at_ms: now_ms,
            updated_at_ms: now_ms,
        }
    }

    /// Checks the rules that the metadata as a whole must keep.
    pub fn check(&self) -> Result<(), InvalidClient> {
        let is_printable = !self.name.chars().any(char::is_control);
        let has = |grant| self.grants.contains(&grant);
        let may_begin = has(GrantType::AuthorizationCode) || has(GrantType::Password);
        let is_resource =
            |audience: &String| !audience.is_empty() && audience.bytes().all(|byte| byte.is_ascii_graphic());
        let within = |ttl: Option<i64>, longest| ttl.is_none_or(|ttl| (1..=longest).contains(&ttl));
        let rules = [
            (
                !self.name.trim().is_empty() && self.name.chars().count() <= 100 && is_printable,
                "name",
                "1 to 100 printable characters".to_owned(),
            ),
            (!self.grants.is_empty(), "grants", format!("at least one {ALLOWED_GRANTS}")),
            // RFC 6749 §4.4: only a client that authenticates may use client_credentials.
            (
                !(self.is_public && has(GrantType::ClientCredentials)),
                "grants",
                "without client_credentials for a public client".to_owned(),
            ),
            (
                !has(GrantType::RefreshToken) || may_begin,
                "grants",
                "with authorization_code or password where refresh_token is".to_owned(),
            ),
            // RFC 9068 §2.2: a token must have an audience.
            (
                !self.audiences.is_empty() && self.audiences.iter().all(is_resource),
                "audiences",
                "at least one resource identifier, of visible ASCII characters".to_owned(),
            ),
            (
                !has(GrantType::AuthorizationCode) || !self.redirect_uris.is_empty(),
                "redirect_uris",
                "at least one for authorization_code".to_owned(),
            ),
            // OAuth 2.1 §4.1.1: public clients must use PKCE.
            (!(self.is_public && self.pkce_optional), "pkce_optional", "off for a public client".to_owned()),
            (
                within(self.access_ttl_s, MAX_ACCESS_TOKEN_LIFE_S),
                "access_ttl",
                format!("1 to {MAX_ACCESS_TOKEN_LIFE_S} seconds"),
            ),
            (
                within(self.refresh_ttl_s, MAX_REFRESH_TTL_S),
                "refresh_ttl",
                format!("1 to {MAX_REFRESH_TTL_S} seconds"),
            ),
        ];
        let broken = rules.into_iter().find(|(is_kept, ..)| !is_kept);
        broken.map_or(Ok(()), |(_, field, rule)| Err(InvalidClient { field, rule }))
    }

    /// Checks the rule that depends on the issuer: only a local one calls addresses of plain `http`.
    pub fn check_for_issuer(&self, is_local: bool) -> Result<(), InvalidClient> {
        if self.backchannel_logout_uri.as_ref().is_none_or(|uri| is_local || uri.is_https()) {
            return Ok(());
        }
        let rule = "an https URI; http is for a local issuer alone";
        Err(InvalidClient::new("backchannel_logout_uri", rule))
    }

    /// The time of a cut that was decided at `moment_ms`, when every replica knows that the client is disabled. It is
    /// later than any token that a replica whose clock is ahead has issued before, and later than any earlier cut.
    pub fn cut_at(&self, moment_ms: i64, clock_skew_ms: i64) -> i64 {
        let past_the_last = self.token_cut_ms.map_or(i64::MIN, |cut| cut.saturating_add(1));
        moment_ms.saturating_add(clock_skew_ms).max(past_the_last)
    }

    /// Whether it is a native client at this redirect URI: a public client that nothing proves to be the program which
    /// receives the answer (RFC 8252 §8.6).
    pub fn is_native_at(&self, redirect_uri: &str) -> bool {
        self.is_public && RedirectUri::is_on_device(redirect_uri)
    }

    /// Whether it may use this grant type.
    pub fn may(&self, grant: GrantType) -> bool {
        self.grants.contains(&grant)
    }
}

/// The longest lifetime of a refresh token, in seconds. The settings have the same limit.
pub const MAX_REFRESH_TTL_S: i64 = 315_360_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cut_is_later_than_all_clocks_and_earlier_cuts() {
        let mut client = Client::blank(ClientId::parse("billing").unwrap(), 0);
        assert_eq!(client.cut_at(5000, 1000), 6000);
        client.token_cut_ms = Some(5999);
        assert_eq!(client.cut_at(5000, 1000), 6000);
        client.token_cut_ms = Some(6000);
        assert_eq!(client.cut_at(5000, 1000), 6001);
        assert_eq!(client.cut_at(0, 0), 6001, "a clock that was set back");
    }

    fn client(change: impl FnOnce(&mut Client)) -> Result<(), &'static str> {
        let mut client = Client {
            name: "Billing".to_owned(),
            grants: vec![GrantType::ClientCredentials],
            audiences: vec!["todo-service".to_owned()],
            ..Client::blank(ClientId::parse("billing").unwrap(), 0)
        };
        change(&mut client);
        client.check().map_err(|invalid| invalid.field)
    }

    #[test]
    fn invalid_metadata_is_refused() {
        assert_eq!(client(|_| {}), Ok(()));
        for name in ["", " ", "a\nb", &"x".repeat(101)] {
            assert_eq!(client(|client| client.name = name.to_owned()), Err("name"), "{name:?}");
        }
        assert_eq!(client(|client| client.grants.clear()), Err("grants"));
        assert_eq!(client(|client| client.is_public = true), Err("grants"));
        assert_eq!(client(|client| client.grants.push(GrantType::RefreshToken)), Err("grants"));
        let grants = vec![GrantType::AuthorizationCode];
        assert_eq!(client(|client| client.grants = grants), Err("redirect_uris"));
        let grants = vec![GrantType::Password, GrantType::RefreshToken];
        assert_eq!(client(|client| client.grants.clone_from(&grants)), Ok(()));
        let public = |client: &mut Client| {
            client.grants = grants;
            client.is_public = true;
            client.pkce_optional = true;
        };
        assert_eq!(client(public), Err("pkce_optional"));
        assert_eq!(client(|client| client.audiences.clear()), Err("audiences"));
        for bad in ["", "a b", "a\n", "ä"] {
            let refused = client(|client| client.audiences.push(bad.to_owned()));
            assert_eq!(refused, Err("audiences"), "{bad:?}");
        }
        assert_eq!(client(|client| client.access_ttl_s = Some(0)), Err("access_ttl"));
        assert_eq!(client(|client| client.access_ttl_s = Some(86_401)), Err("access_ttl"));
        assert_eq!(client(|client| client.refresh_ttl_s = Some(i64::MAX)), Err("refresh_ttl"));
    }

    proptest! {
        /// Each cut is later than all earlier cuts and than the moment it was taken for, even if the clock is set
        /// back in between.
        #[test]
        fn cuts_follow_each_other(moments in prop::collection::vec(0..10_000_i64, 1..20), skew in 0..2000_i64) {
            let mut client = Client::blank(ClientId::parse("billing").unwrap(), 0);
            for moment in moments {
                let cut = client.cut_at(moment, skew);
                prop_assert!(cut >= moment + skew);
                prop_assert!(client.token_cut_ms.is_none_or(|last| last < cut));
                prop_assert!(cut == moment + skew || client.token_cut_ms == Some(cut - 1), "no later than it must be");
                client.token_cut_ms = Some(cut);
            }
        }
    }
}
