//! What a client may be granted, what a request asks for, and what it is granted.

use shared_claims::claims::FIRST_PARTY_CLIENT;
use shared_claims::scope::Scopes;

use super::{TokenSettings, Tokens};
use crate::domain::{Client, GrantType, Session, SessionLimits};

/// The scope and resources that a request asks for. A part that is missing means everything that is allowed.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// The requested scope.
    pub scope: Option<Scopes>,
    /// The requested resources (RFC 8707).
    pub resources: Vec<String>,
}

/// The scope and audience of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// The scope.
    pub scope: Scopes,
    /// The audience.
    pub audience: Vec<String>,
}

/// The request asks for more than is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooMuch {
    /// A scope is not allowed.
    Scope,
    /// A resource is not allowed.
    Resource,
}

impl Ask {
    /// Narrows `most` to what the request asks for.
    pub fn of(&self, most: Given) -> Result<Given, TooMuch> {
        let scope = match &self.scope {
            None => most.scope,
            Some(asked) if asked.is_subset(&most.scope) => asked.clone(),
            Some(_) => return Err(TooMuch::Scope),
        };
        if !self.resources.iter().all(|resource| most.audience.contains(resource)) {
            return Err(TooMuch::Resource);
        }
        let mut audience = most.audience;
        if !self.resources.is_empty() {
            audience.retain(|resource| self.resources.contains(resource));
        }
        Ok(Given { scope, audience })
    }
}

impl Given {
    /// The intersection with `other`.
    pub(super) fn within(&self, other: &Self) -> Self {
        let audience = self.audience.iter().filter(|resource| other.audience.contains(resource));
        Self { scope: self.scope.intersection(&other.scope), audience: audience.cloned().collect() }
    }
}

/// The scope that adds the issuer itself to the audience.
const OPENID: &str = "openid";

/// The terms under which a client gets tokens.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The client's id.
    pub(super) client_id: String,
    /// The largest scope and audience.
    pub(super) most: Given,
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

impl Terms {
    /// The terms of the built-in first-party client.
    pub(super) fn first_party(settings: &TokenSettings) -> Self {
        Self {
            client_id: FIRST_PARTY_CLIENT.to_owned(),
            most: Given { scope: settings.default_scope.clone(), audience: vec![settings.audience.clone()] },
            access_ttl_s: settings.access_ttl_s,
            refresh_ttl_s: settings.refresh_ttl_s,
            sessions: settings.sessions,
            refreshes: true,
            token_cut_ms: None,
        }
    }

    /// The terms of a registered client.
    pub(super) fn of(client: &Client, settings: &TokenSettings) -> Self {
        Self {
            client_id: client.id.to_string(),
            most: Given { scope: client.scopes.clone(), audience: client.audiences.clone() },
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
    pub(super) fn within(&self, session: &Session) -> Given {
        if self.is_first_party() {
            // A first-party session has the audience of the current settings, not the one it began with.
            let scope = session.scope.intersection(&self.most.scope);
            return Given { scope, audience: self.most.audience.clone() };
        }
        let began = Given { scope: session.scope.clone(), audience: session.audience.clone() };
        began.within(&self.most)
    }

    /// Whether the issuer itself is an audience of the token, so that its own endpoints accept it.
    pub(super) fn is_for_the_issuer(&self, scope: &Scopes) -> bool {
        self.is_first_party() || scope.contains(OPENID)
    }

    /// The largest scope and audience that the client may be granted.
    pub fn most(&self) -> Given {
        self.most.clone()
    }

    /// The most that the client may be granted in its own name: without `openid`, because there is no user.
    pub fn in_own_name(&self) -> Given {
        let Given { scope, audience } = self.most();
        Given { scope: scope.without(OPENID), audience }
    }
}

impl Tokens {
    /// The terms of a registered client.
    pub fn terms_of(&self, client: &Client) -> Terms {
        Terms::of(client, &self.inner.settings)
    }

    /// The terms of the built-in first-party client.
    pub fn first_party_terms(&self) -> Terms {
        Terms::first_party(&self.inner.settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(scope: &str, audience: &[&str]) -> Given {
        let audience = audience.iter().map(|&resource| resource.to_owned()).collect();
        Given { scope: Scopes::parse(scope).unwrap(), audience }
    }

    #[test]
    fn an_ask_narrows_and_never_widens() {
        let most = || given("a b c", &["x", "y"]);
        let ask = |scope: Option<&str>, resources: &[&str]| Ask {
            scope: scope.map(|scope| Scopes::parse(scope).unwrap()),
            resources: resources.iter().map(|&resource| resource.to_owned()).collect(),
        };
        assert_eq!(ask(None, &[]).of(most()), Ok(most()));
        assert_eq!(ask(Some("c a"), &["y", "y"]).of(most()), Ok(given("c a", &["y"])));
        assert_eq!(ask(None, &["y", "x"]).of(most()), Ok(most()));
        assert_eq!(ask(Some("a d"), &[]).of(most()), Err(TooMuch::Scope));
        assert_eq!(ask(None, &["x", "z"]).of(most()), Err(TooMuch::Resource));
        assert_eq!(ask(None, &["X"]).of(most()), Err(TooMuch::Resource));
        assert_eq!(given("a d", &["y", "z"]).within(&most()), given("a", &["y"]));
    }
}
