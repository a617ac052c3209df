//! A token that was verified.

use std::ops::Deref;
use std::sync::Arc;

use super::keys::PublicKey;
use crate::claims::Claims;
use crate::revocation::RevocationQuery;
use crate::scope::Scopes;

/// The claims of a token that was verified just now. Cheap to clone.
///
/// ```
/// use shared_claims::claims::Claims;
/// use shared_claims::verifier::Verified;
///
/// fn log_and_keep(verified: Verified) -> Claims {
///     // `verified` dereferences to its claims.
///     println!("{} of {}, signed by {}", verified.jti, verified.claims().sub, verified.kid());
///     println!("may {}", verified.scopes());
///     verified.into_claims()
/// }
/// ```
#[derive(Debug)]
pub struct Verified<C = ()> {
    /// One allocation per token, so that cloning it does not change a reference count that other tokens share.
    checked: Arc<Checked<C>>,
}

#[derive(Debug)]
struct Checked<C> {
    claims: Claims<C>,
    /// The key with which the signature was checked.
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

    /// Takes the claims out.
    pub fn into_claims(self) -> Claims<C>
    where
        C: Clone,
    {
        Arc::try_unwrap(self.checked).map_or_else(|held| held.claims.clone(), |checked| checked.claims)
    }

    /// The `kid` of the key that signed the token.
    pub fn kid(&self) -> &str {
        self.key().kid()
    }

    pub(super) fn key(&self) -> &PublicKey {
        &self.checked.key
    }

    /// The scopes that the token grants.
    pub fn scopes(&self) -> &Scopes {
        &self.claims().scope
    }

    /// The identifiers that are compared with the revocation list.
    pub(super) fn revocation_query(&self) -> RevocationQuery<'_> {
        let claims = self.claims();
        RevocationQuery {
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

// Not derived, because a derive would require `C: Clone`, and no `C` is cloned.
impl<C> Clone for Verified<C> {
    fn clone(&self) -> Self {
        Self { checked: Arc::clone(&self.checked) }
    }
}
