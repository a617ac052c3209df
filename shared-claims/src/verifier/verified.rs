//! A token that was found good.

use std::ops::Deref;
use std::sync::Arc;

use super::keys::PublicKey;
use crate::claims::Claims;
use crate::revocation::Marks;
use crate::scope::Scopes;

/// The claims of a token that was checked just now. Cheap to clone.
///
/// ```
/// use shared_claims::claims::Claims;
/// use shared_claims::verifier::Verified;
///
/// fn log_and_keep(verified: Verified) -> Claims {
///     // Reads as its claims.
///     println!("{} of {}, signed by {}", verified.jti, verified.claims().sub, verified.kid());
///     println!("may {}", verified.scopes());
///     verified.into_claims()
/// }
/// ```
#[derive(Debug)]
pub struct Verified<C = ()> {
    /// One allocation, so that a clone writes to nothing that other tokens share.
    checked: Arc<Checked<C>>,
}

#[derive(Debug)]
struct Checked<C> {
    claims: Claims<C>,
    /// The very key that the signature was checked with.
    key: Arc<PublicKey>,
}

impl<C> Verified<C> {
    pub(super) fn new(claims: Claims<C>, key: Arc<PublicKey>) -> Self {
        Self { checked: Arc::new(Checked { claims, key }) }
    }

    /// The claims.
    pub fn claims(&self) -> &Claims<C> {
        &self.checked.claims
    }

    /// The claims, to keep.
    pub fn into_claims(self) -> Claims<C>
    where
        C: Clone,
    {
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

impl<C> Deref for Verified<C> {
    type Target = Claims<C>;

    fn deref(&self) -> &Claims<C> {
        self.claims()
    }
}

// Derived, it would ask for a `C` that is cloned, which none is.
impl<C> Clone for Verified<C> {
    fn clone(&self) -> Self {
        Self { checked: Arc::clone(&self.checked) }
    }
}
