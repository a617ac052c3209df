//! The response of introspection (RFC 7662 §2.2), plain or as the claims of a signed response (RFC 9701 §5).

use serde::Serialize;
use shared_claims::claims::{Claims, Roles, SessionId, TokenId};
use shared_claims::scope::Scopes;
use utoipa::ToSchema;

use crate::tokens::LiveRefreshToken;

/// A token, if it is live.
#[derive(Default, Serialize, ToSchema)]
pub(crate) struct Introspection {
    active: bool,
    #[serde(skip_serializing_if = "Scopes::is_empty")]
    #[schema(value_type = Option<String>, example = "todos:read")]
    scope: Scopes,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    /// `Bearer`, or `refresh_token` for what opens nothing by itself
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    aud: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    jti: Option<TokenId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    sid: Option<SessionId>,
    #[serde(skip_serializing_if = "Roles::is_empty")]
    #[schema(value_type = Vec<String>)]
    roles: Roles,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    amr: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<String>,
}

impl Introspection {
    pub(super) fn of_access_token(claims: Claims) -> Self {
        Self {
            active: true,
            scope: claims.scope,
            client_id: Some(claims.client_id),
            username: claims.username,
            token_type: Some("Bearer"),
            exp: Some(claims.exp),
            iat: Some(claims.iat),
            nbf: claims.nbf,
            sub: Some(claims.sub),
            aud: claims.aud,
            iss: Some(claims.iss),
            jti: Some(claims.jti),
            sid: claims.sid,
            roles: claims.roles,
            auth_time: claims.auth_time,
            amr: claims.amr,
            acr: claims.acr,
        }
    }

    pub(super) fn of_refresh_token(live: LiveRefreshToken, issuer: &str) -> Self {
        let LiveRefreshToken { token, session, user, scope } = live;
        Self {
            active: true,
            scope,
            client_id: Some(session.client_id),
            username: Some(user.username),
            token_type: Some("refresh_token"),
            exp: Some(token.expires_at_ms.div_euclid(1000)),
            iat: Some(token.issued_at_ms.div_euclid(1000)),
            sub: Some(user.id.to_string()),
            iss: Some(issuer.to_owned()),
            sid: Some(SessionId::from_bytes(session.id.into_bytes())),
            ..Self::default()
        }
    }
}

/// The claims of a signed response. The values of the token are inside `token_introspection`, so that the response
/// cannot be taken for a token.
#[derive(Serialize)]
pub(super) struct SignedIntrospection {
    iss: String,
    aud: String,
    pub(super) iat: i64,
    token_introspection: Introspection,
}

impl SignedIntrospection {
    pub(super) fn new(issuer: &str, client_id: &str, now_ms: i64, found: Introspection) -> Self {
        Self {
            iss: issuer.to_owned(),
            aud: client_id.to_owned(),
            iat: now_ms.div_euclid(1000),
            token_introspection: found,
        }
    }
}
