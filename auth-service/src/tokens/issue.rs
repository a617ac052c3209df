//! Makes and signs access tokens. The claims are made where the current cuts against the user and the client are known.

use shared_claims::claims::{Claims, SessionId};
use shared_claims::scope::Scopes;

use super::id_token::{ACR_ONE_FACTOR, ID_TOKEN_TYPE, IdTokenDraft};
use super::{GrantedAccess, Inner, TokenError, TokenPolicy, Tokens};
use crate::domain::{RefreshTokenPlain, Session, User};

/// The tokens that a grant returns.
#[derive(Clone, Debug)]
pub struct IssuedTokens {
    /// The access token.
    pub access_token: String,
    /// Seconds until the access token expires.
    pub expires_in: i64,
    /// The refresh token, where the client gets one.
    pub refresh: Option<IssuedRefreshToken>,
    /// The scope of the access token.
    pub scope: Scopes,
    /// The `id_token`, where the user signed in on a hosted page and the scope has `openid`.
    pub id_token: Option<String>,
}

/// A refresh token that a grant returns.
#[derive(Clone, Debug)]
pub struct IssuedRefreshToken {
    /// The token.
    pub token: RefreshTokenPlain,
    /// Seconds until it expires, unless it is used before.
    pub expires_in: i64,
}

/// Committed tokens whose access token is not signed yet.
pub(super) struct UnsignedTokens {
    pub(super) claims: Claims,
    /// The refresh token and its expiry.
    pub(super) refresh: Option<(RefreshTokenPlain, i64)>,
    /// The `id_token` to sign beside it.
    pub(super) id_token: Option<IdTokenDraft>,
}

/// The subject of a token.
#[derive(Clone, Copy)]
pub(super) enum Subject<'a> {
    /// A user, in a session of this client.
    User(&'a User, &'a Session),
    /// The client itself.
    Client,
}

impl Inner {
    /// Makes the claims of a token that is issued now. The time in its `jti` is later than the cuts against its user
    /// and client.
    pub(super) fn access_token_claims(
        &self,
        policy: &TokenPolicy,
        subject: Subject<'_>,
        granted: GrantedAccess,
        now_ms: i64,
    ) -> Claims {
        let issuer = &self.settings.issuer;
        let now = now_ms.div_euclid(1000);
        let (sub, end, user_cut_ms) = match subject {
            Subject::User(user, session) => {
                (user.id.to_string(), policy.access_end_s(session, now_ms), user.token_cut_ms)
            }
            Subject::Client => (policy.client_id.clone(), now.saturating_add(policy.access_ttl_s), None),
        };
        let cut_ms = user_cut_ms.max(policy.token_cut_ms);
        let jti_ms = cut_ms.map_or(now_ms, |cut| now_ms.max(cut.saturating_add(1)));
        let jti = self.random.token_id(jti_ms);
        let mut claims = Claims::new(issuer, sub, &policy.client_id, jti, now, end);
        claims.aud = granted.audience;
        if policy.includes_issuer(&granted.scope) && !claims.aud.contains(issuer) {
            claims.aud.push(issuer.clone());
        }
        claims.scope = granted.scope;
        claims.nbf = Some(now);
        if let Subject::User(user, session) = subject {
            claims.sid = Some(SessionId::from_bytes(session.id.into_bytes()));
            claims.username = Some(user.username.clone());
            claims.roles = user.roles.iter().cloned().collect();
            claims.auth_time = Some(session.auth_time_s);
            claims.amr.clone_from(&session.amr);
            claims.acr = Some(ACR_ONE_FACTOR.to_owned());
        }
        claims
    }

    /// Signs the access token and builds the response.
    pub(super) async fn sign(&self, unsigned: UnsignedTokens) -> Result<IssuedTokens, TokenError> {
        let UnsignedTokens { claims, refresh, id_token } = unsigned;
        let now_ms = claims.iat.saturating_mul(1000);
        let refresh = refresh.map(|(token, expires_at_ms)| IssuedRefreshToken {
            token,
            expires_in: (expires_at_ms - now_ms).div_euclid(1000).max(0),
        });
        let access_token = self.keys.sign(&claims, claims.exp).await?;
        let id_token = match id_token {
            Some(draft) => {
                let id_claims = draft.with_access_token(&claims, &access_token);
                Some(self.keys.sign_as(ID_TOKEN_TYPE, &id_claims, claims.exp).await?)
            }
            None => None,
        };
        let expires_in = claims.exp - claims.iat;
        Ok(IssuedTokens { access_token, expires_in, refresh, scope: claims.scope, id_token })
    }
}

impl Tokens {
    /// Issues a token in the client's own name (RFC 6749 §4.4): no user, no session, no refresh token, and no write to
    /// the database.
    ///
    /// `as_of_ms` must be read *before* the client is found to be active. So the token's time is
    /// earlier than the cut of any later disabling of the client, even if this process is paused in between.
    pub async fn issue_client_token(
        &self,
        policy: &TokenPolicy,
        granted: GrantedAccess,
        as_of_ms: i64,
    ) -> Result<IssuedTokens, TokenError> {
        let claims = self.inner.access_token_claims(policy, Subject::Client, granted, as_of_ms);
        self.inner.sign(UnsignedTokens { claims, refresh: None, id_token: None }).await
    }
}
