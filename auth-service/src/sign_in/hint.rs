//! `id_token_hint` (OpenID Connect Core §3.1.2.1): names the user for whom the answer must be.

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use uuid::Uuid;

use super::{SignInError, SignIns};
use crate::tokens::{ID_TOKEN_TYPE, TokenError};

/// The claims of an `id_token` that a hint is read for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct HintClaims {
    /// The user.
    pub sub: String,
    /// The client that it was issued to.
    pub aud: String,
    /// The browser session that it came from.
    pub sid: Option<Uuid>,
}

impl SignIns {
    /// Reads an `id_token` of ours, expired or not; `None` for anything else. It proves nothing about who sends it.
    pub async fn read_hint(&self, hint: &str) -> Result<Option<HintClaims>, SignInError> {
        let Ok(header) = decode_header(hint) else { return Ok(None) };
        if header.typ.as_deref() != Some(ID_TOKEN_TYPE) || header.alg != Algorithm::RS256 {
            return Ok(None);
        }
        let kid = header.kid.as_deref().unwrap_or_default();
        let published = self.parts.keys.published().await;
        let key = match published.find(kid) {
            Some(jwk) => Some((jwk.n.clone(), jwk.e.clone())),
            // An `id_token` is a hint for as long as its session may live, which is longer than its key is published.
            None => self.parts.keys.find_former(kid).await.map_err(TokenError::from)?,
        };
        let Some(key) = key.and_then(|(n, e)| DecodingKey::from_rsa_components(&n, &e).ok()) else {
            return Ok(None);
        };
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_issuer(&[self.parts.tokens.issuer()]);
        validation.set_required_spec_claims(&["iss", "sub", "aud"]);
        validation.validate_exp = false;
        validation.validate_nbf = false;
        // The client is compared by the caller, who knows which one it has to be.
        validation.validate_aud = false;
        Ok(decode::<HintClaims>(hint, &key, &validation).ok().map(|token| token.claims))
    }
}
