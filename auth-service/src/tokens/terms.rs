//! What a client's tokens are like: the most that they permit, for whom they are, how long they live.

use shared_claims::claims::FIRST_PARTY_CLIENT;
use shared_claims::scope::Scopes;

use super::{Given, TokenSettings, Tokens};
use crate::domain::{Client, GrantType, Session, SessionLimits};

/// The scope that makes the issuer itself an audience.
const OPENID: &str = "openid";

/// The terms under which a client gets tokens.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The client.
    pub(super) client_id: String,
    /// The most that it may be given.
    pub(super) most: Given,
    /// Life of an access token.
    pub(super) access_ttl_s: i64,
    /// Life of a refresh token, from its issue.
    pub(super) refresh_ttl_s: i64,
    /// How long its sessions last.
    pub(super) sessions: SessionLimits,
    /// Whether it gets refresh tokens.
    pub(super) refreshes: bool,
    /// The last cut against it.
    pub(super) token_cut_ms: Option<i64>,
}

impl Terms {
    /// Those of the first-party face.
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

    /// Those of a registered client.
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

    /// When an access token that the session gives now ends (seconds): neither after the session nor after its idle time.
    pub(super) fn access_end_s(&self, session: &Session, now_ms: i64) -> i64 {
        let life_s = self.sessions.within_idle_s(self.access_ttl_s);
        now_ms.div_euclid(1000).saturating_add(life_s).min(session.expires_at_ms.div_euclid(1000))
    }

    /// When a refresh token that the session gives now ends, likewise.
    pub(super) fn refresh_end_ms(&self, session: &Session, now_ms: i64) -> i64 {
        let life_s = self.sessions.within_idle_s(self.refresh_ttl_s);
        now_ms.saturating_add(life_s.saturating_mul(1000)).min(session.expires_at_ms)
    }

    fn is_first_party(&self) -> bool {
        self.client_id == FIRST_PARTY_CLIENT
    }

    /// The most that a session of the client gives now: what it began with, less what was taken from the client since.
    pub(super) fn within(&self, session: &Session) -> Given {
        if self.is_first_party() {
            // Its audience is the setting's, whatever it was when the session began.
            let scope = session.scope.intersection(&self.most.scope);
            return Given { scope, audience: self.most.audience.clone() };
        }
        let began = Given { scope: session.scope.clone(), audience: session.audience.clone() };
        began.within(&self.most)
    }

    /// Whether the issuer's own endpoints take the token: they are an audience too.
    pub(super) fn is_for_the_issuer(&self, scope: &Scopes) -> bool {
        self.is_first_party() || scope.contains(OPENID)
    }

    /// The most that the client may be given.
    pub fn most(&self) -> Given {
        self.most.clone()
    }

    /// The most that the client may be given in its own name: there is nobody whom `openid` could be about.
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

    /// The terms of the first-party face.
    pub fn first_party_terms(&self) -> Terms {
        Terms::first_party(&self.inner.settings)
    }
}
