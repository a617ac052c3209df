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
    pub(super) claims: Arc<Claims>,
    pub(super) key: Arc<PublicKey>,
}

impl Verified {
    /// The claims.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The claims, to keep.
    pub fn into_claims(self) -> Claims {
        Arc::unwrap_or_clone(self.claims)
    }

    /// The id of the key that signed it.
    pub fn kid(&self) -> &str {
        self.key.kid()
    }

    /// What the token permits.
    pub fn scopes(&self) -> &Scopes {
        &self.claims.scope
    }

    /// What is held against the revocation list.
    pub(super) fn marks(&self) -> Marks<'_> {
        Marks {
            jti: self.claims.jti,
            sid: self.claims.sid,
            sub: &self.claims.sub,
            client_id: &self.claims.client_id,
            kid: self.key.kid(),
            exp: self.claims.exp,
        }
    }
}

impl Deref for Verified {
    type Target = Claims;

    fn deref(&self) -> &Claims {
        &self.claims
    }
}
