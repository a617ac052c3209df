//! What a client may be granted, what a request asks for, and what it is granted.

use shared_claims::claims::FIRST_PARTY_CLIENT;
use shared_claims::scope::Scopes;

use super::{TokenSettings, Tokens};
use crate::domain::{Client, GrantType, Session, SessionLimits};

/// The scope and resources that a request asks for. A part that is missing means everything that is allowed.
#[derive(Clone, Debug, Default)]
pub struct AccessRequest {
    /// The requested scope.
    pub scope: Option<Scopes>,
    /// The requested resources (RFC 8707).
    pub resources: Vec<String>,
}

/// The scope and audience of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantedAccess {
    /// The scope.
    pub scope: Scopes,
    /// The audience.
    pub audience: Vec<String>,
}

/// The request asks for more than is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExceedsGrant {
    /// A scope is not allowed.
    Scope,
    /// A resource is not allowed.
    Resource,
}

impl AccessRequest {
    /// Grants what the request asks for, if that is within `allowed`.
    pub fn within(&self, allowed: GrantedAccess) -> Result<GrantedAccess, ExceedsGrant> {
        let scope = match &self.scope {
            None => allowed.scope,
            Some(requested) if requested.is_subset(&allowed.scope) => requested.clone(),
            Some(_) => return Err(ExceedsGrant::Scope),
        };
        if !self.resources.iter().all(|resource| allowed.audience.contains(resource)) {
            return Err(ExceedsGrant::Resource);
        }
        let mut audience = allowed.audience;
        if !self.resources.is_empty() {
            audience.retain(|resource| self.resources.contains(resource));
        }
        Ok(GrantedAccess { scope, audience })
    }
}

impl GrantedAccess {
    /// The part that `other` has too.
    pub(super) fn intersection(&self, other: &Self) -> Self {
        let audience = self.audience.iter().filter(|resource| other.audience.contains(resource));
        Self { scope: self.scope.intersection(&other.scope), audience: audience.cloned().collect() }
    }
}

/// The scope that adds the issuer itself to the audience.
pub(super) const OPENID: &str = "openid";

/// What a client may be granted, and for how long.
#[derive(Clone, Debug)]
pub struct TokenPolicy {
    /// The client's id.
    pub(super) client_id: String,
    /// The largest scope and audience that it may be granted.
    pub(super) allowed: GrantedAccess,
    /// The lifetime of an access token, in seconds.
    pub(super) access_ttl_s: i64,
    /// The lifetime of a refresh token from its issue, in seconds.
    pub(super) refresh_ttl_s: i64,
    /// The limits on its sessions.
    pub(super) sessions: SessionLimits,
    /// Whether it gets refresh tokens.
    pub(super) refreshes: bool,
    /// The last cut against the client.
    pub(super) token_cut_ms: Option<i64>,
}

impl TokenPolicy {
    /// The policy of the built-in first-party client.
    pub(super) fn first_party(settings: &TokenSettings) -> Self {
        Self {
            client_id: FIRST_PARTY_CLIENT.to_owned(),
            allowed: GrantedAccess {
                scope: settings.default_scope.clone(),
                audience: vec![settings.audience.clone()],
            },
            access_ttl_s: settings.access_ttl_s,
            refresh_ttl_s: settings.refresh_ttl_s,
            sessions: settings.sessions,
            refreshes: true,
            token_cut_ms: None,
        }
    }

    /// The policy of a registered client.
    pub(super) fn of(client: &Client, settings: &TokenSettings) -> Self {
        Self {
            client_id: client.id.to_string(),
            allowed: GrantedAccess { scope: client.scopes.clone(), audience: client.audiences.clone() },
            access_ttl_s: client.access_ttl_s.unwrap_or(settings.access_ttl_s),
            refresh_ttl_s: client.refresh_ttl_s.unwrap_or(settings.refresh_ttl_s),
            sessions: settings.sessions,
            refreshes: client.may(GrantType::RefreshToken),
            token_cut_ms: client.token_cut_ms,
        }
    }

    /// The expiry of an access token that the session issues now, in seconds: not later than the session's end or its
    /// idle time.
    pub(super) fn access_end_s(&self, session: &Session, now_ms: i64) -> i64 {
        let life_s = self.sessions.within_idle_s(self.access_ttl_s);
        now_ms.div_euclid(1000).saturating_add(life_s).min(session.expires_at_ms.div_euclid(1000))
    }

    /// The expiry of a refresh token that the session issues now, in milliseconds, with the same limits.
    pub(super) fn refresh_end_ms(&self, session: &Session, now_ms: i64) -> i64 {
        let life_s = self.sessions.within_idle_s(self.refresh_ttl_s);
        now_ms.saturating_add(life_s.saturating_mul(1000)).min(session.expires_at_ms)
    }

    fn is_first_party(&self) -> bool {
        self.client_id == FIRST_PARTY_CLIENT
    }

    /// The most that a session of the client may grant now: what it began with, less what the client has lost since.
    pub(super) fn allowed_in(&self, session: &Session) -> GrantedAccess {
        if self.is_first_party() {
            // A first-party session has the audience of the current settings, not the one it began with.
            let scope = session.scope.intersection(&self.allowed.scope);
            return GrantedAccess { scope, audience: self.allowed.audience.clone() };
        }
        let began = GrantedAccess { scope: session.scope.clone(), audience: session.audience.clone() };
        began.intersection(&self.allowed)
    }

    /// Whether the issuer itself is an audience of the token, so that its own endpoints accept it.
    pub(super) fn includes_issuer(&self, scope: &Scopes) -> bool {
        self.is_first_party() || scope.contains(OPENID)
    }

    /// The largest scope and audience that the client may be granted.
    pub fn allowed(&self) -> GrantedAccess {
        self.allowed.clone()
    }

    /// The most that the client may be granted in its own name: without `openid`, because there is no user.
    pub fn allowed_to_client(&self) -> GrantedAccess {
        let GrantedAccess { scope, audience } = self.allowed();
        GrantedAccess { scope: scope.without(OPENID), audience }
    }
}

impl Tokens {
    /// The policy of a registered client.
    pub fn policy_of(&self, client: &Client) -> TokenPolicy {
        TokenPolicy::of(client, &self.inner.settings)
    }

    /// The policy of the built-in first-party client.
    pub fn first_party_policy(&self) -> TokenPolicy {
        TokenPolicy::first_party(&self.inner.settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(scope: &str, audience: &[&str]) -> GrantedAccess {
        let audience = audience.iter().map(|&resource| resource.to_owned()).collect();
        GrantedAccess { scope: Scopes::parse(scope).unwrap(), audience }
    }

    #[test]
    fn a_request_narrows_and_never_widens() {
        let allowed = || granted("a b c", &["x", "y"]);
        let access = |scope: Option<&str>, resources: &[&str]| AccessRequest {
            scope: scope.map(|scope| Scopes::parse(scope).unwrap()),
            resources: resources.iter().map(|&resource| resource.to_owned()).collect(),
        };
        assert_eq!(access(None, &[]).within(allowed()), Ok(allowed()));
        assert_eq!(access(Some("c a"), &["y", "y"]).within(allowed()), Ok(granted("c a", &["y"])));
        assert_eq!(access(None, &["y", "x"]).within(allowed()), Ok(allowed()));
        assert_eq!(access(Some("a d"), &[]).within(allowed()), Err(ExceedsGrant::Scope));
        assert_eq!(access(None, &["x", "z"]).within(allowed()), Err(ExceedsGrant::Resource));
        assert_eq!(access(None, &["X"]).within(allowed()), Err(ExceedsGrant::Resource));
        assert_eq!(granted("a d", &["y", "z"]).intersection(&allowed()), granted("a", &["y"]));
    }
}
