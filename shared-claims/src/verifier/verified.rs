//! A token that was found good.

use std::ops::Deref;
use std::sync::Arc;

use super::keys::PublicKey;
use crate::claims::Claims;
use crate::revocation::Marks;
use crate::scope::Scopes;

/// The claims of a token that was checked just now. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Verified {
    /// One allocation, so that a clone writes to nothing that other tokens share.
    checked: Arc<Checked>,
}

#[derive(Debug)]
struct Checked {
    claims: Claims,
    /// The very key that the signature was checked with.
    key: Arc<PublicKey>,
}

impl Verified {
    pub(super) fn new(claims: Claims, key: Arc<PublicKey>) -> Self {
        Self { checked: Arc::new(Checked { claims, key }) }
    }

    /// The claims.
    pub fn claims(&self) -> &Claims {
        &self.checked.claims
    }

    /// The claims, to keep.
    pub fn into_claims(self) -> Claims {
        Arc::try_unwrap(self.checked).map_or_else(|held| held.claims.clone(), |checked| checked.claims)
    }

    /// The id of the key that signed it.
    pub fn kid(&self) -> &str {
        self.key().kid()
    }

    pub(super) fn key(&self) -> &PublicKey {
        &self.checked.key
    }

    /// What the token permits.
    pub fn scopes(&self) -> &Scopes {
        &self.claims().scope
    }

    /// What is held against the revocation list.
    pub(super) fn marks(&self) -> Marks<'_> {
        let claims = self.claims();
        Marks {
            jti: claims.jti,
            sid: claims.sid,
            sub: &claims.sub,
            client_id: &claims.client_id,
            kid: self.kid(),
            exp: claims.exp,
        }
    }
}

impl Deref for Verified {
    type Target = Claims;

    fn deref(&self) -> &Claims {
        self.claims()
    }
}
