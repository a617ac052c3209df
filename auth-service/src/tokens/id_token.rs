//! `id_token`s (OpenID Connect Core §2), which tell a client who signed in. They are never accepted as access tokens: their
//! `typ` differs, and their audience is the client.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use super::policy::OPENID;
use crate::domain::Session;

/// The `typ` of an `id_token`.
pub const ID_TOKEN_TYPE: &str = "JWT";

/// The authentication context class of a sign-in with one factor.
pub const ACR_ONE_FACTOR: &str = "aal1";

/// The claims of an `id_token`. Claims about the person are in the userinfo response only.
#[derive(Clone, Debug, Serialize)]
pub(super) struct IdTokenClaims {
    iss: String,
    sub: String,
    aud: String,
    exp: i64,
    iat: i64,
    auth_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<String>,
    at_hash: String,
    sid: String,
    amr: Vec<String>,
    acr: &'static str,
}

/// An `id_token` that is issued with an access token, before that is signed.
#[derive(Clone, Debug)]
pub(super) struct IdTokenDraft {
    session_id: String,
    auth_time: i64,
    amr: Vec<String>,
    nonce: Option<String>,
}

impl IdTokenDraft {
    /// The draft for a session that came from a hosted page and was granted `openid`; `None` for others. A refreshed
    /// `id_token` has no nonce (OpenID Connect Core §12.2).
    pub(super) fn of(
        session: &Session,
        scope: &shared_claims::scope::Scopes,
        nonce: Option<String>,
    ) -> Option<Self> {
        let browser_session_id = session.browser_session_id.filter(|_| scope.contains(OPENID))?;
        Some(Self {
            session_id: browser_session_id.to_string(),
            auth_time: session.auth_time_s,
            amr: session.amr.clone(),
            nonce,
        })
    }

    /// The claims, issued together with this access token.
    pub(super) fn with_access_token(
        self,
        access: &shared_claims::claims::Claims,
        access_token: &str,
    ) -> IdTokenClaims {
        IdTokenClaims {
            iss: access.iss.clone(),
            sub: access.sub.clone(),
            aud: access.client_id.clone(),
            exp: access.exp,
            iat: access.iat,
            auth_time: self.auth_time,
            nonce: self.nonce,
            at_hash: at_hash(access_token),
            sid: self.session_id,
            amr: self.amr,
            acr: ACR_ONE_FACTOR,
        }
    }
}

/// The left half of the access token's SHA-256 (OpenID Connect Core §3.1.3.6).
fn at_hash(access_token: &str) -> String {
    let digest = digest::digest(&digest::SHA256, access_token.as_bytes());
    URL_SAFE_NO_PAD.encode(digest.as_ref().get(..16).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of OpenID Connect Core, appendix A.3, uses this access token.
    #[test]
    fn at_hash_is_the_left_half_of_the_digest() {
        assert_eq!(at_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"), "77QmUPtjPfzWtF2AnpK9RQ");
    }
}
