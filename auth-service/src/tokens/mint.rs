//! The claims of an access token, decided under the user's lock.

use shared_claims::claims::{Claims, SessionId};
use shared_claims::scope::Scopes;

use super::{Inner, TokenError};
use crate::domain::{RefreshTokenPlain, Session, User};

/// What a grant answers.
#[derive(Clone, Debug)]
pub struct TokenAnswer {
    /// The access token.
    pub access_token: String,
    /// Seconds until it ends.
    pub expires_in: i64,
    /// The refresh token.
    pub refresh_token: RefreshTokenPlain,
    /// Seconds until that ends, unless it is used before.
    pub refresh_expires_in: i64,
    /// What the access token permits.
    pub scope: Scopes,
}

/// An issue that was decided and committed, and not yet signed.
pub(super) struct Minted {
    pub(super) claims: Claims,
    pub(super) refresh_token: RefreshTokenPlain,
    pub(super) refresh_expires_at_ms: i64,
}

impl Inner {
    /// The claims of a token that `session` gives now. Its `jti` lies after every cut that stands against the user.
    pub(super) fn mint(&self, user: &User, session: &Session, scope: Scopes, now_ms: i64) -> Claims {
        let settings = &self.settings;
        let after_the_cut = user.token_cut_ms.map_or(now_ms, |cut| cut.saturating_add(1));
        let now = now_ms.div_euclid(1000);
        let exp = now.saturating_add(settings.access_ttl_s).min(session.expires_at_ms.div_euclid(1000));
        let jti = self.random.token_id(now_ms.max(after_the_cut));
        let (issuer, sub, client) = (&settings.issuer, user.id.to_string(), &session.client_id);
        let mut claims = Claims::new(issuer, sub, client, jti, now, exp);
        claims.aud = vec![settings.audience.clone(), settings.issuer.clone()];
        claims.scope = scope;
        claims.nbf = Some(now);
        claims.sid = Some(SessionId::from_bytes(session.id.into_bytes()));
        claims.username = Some(user.username.clone());
        claims.roles = user.roles.iter().cloned().collect();
        claims.auth_time = Some(session.auth_time_s);
        claims.amr.clone_from(&session.amr);
        claims.acr = Some("1".to_owned());
        claims
    }

    /// When a refresh token that is issued now ends.
    pub(super) fn refresh_end_ms(&self, session: &Session, now_ms: i64) -> i64 {
        now_ms.saturating_add(self.settings.refresh_ttl_s.saturating_mul(1000)).min(session.expires_at_ms)
    }

    /// Signs what was decided.
    pub(super) async fn answer(&self, minted: Minted) -> Result<TokenAnswer, TokenError> {
        let access_token = self.keys.sign(&minted.claims, minted.claims.exp).await?;
        let now_ms = minted.claims.iat.saturating_mul(1000);
        Ok(TokenAnswer {
            access_token,
            expires_in: minted.claims.exp - minted.claims.iat,
            refresh_token: minted.refresh_token,
            refresh_expires_in: (minted.refresh_expires_at_ms - now_ms).div_euclid(1000).max(0),
            scope: minted.claims.scope,
        })
    }
}
