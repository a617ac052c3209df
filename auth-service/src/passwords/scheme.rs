//! Hashing schemes. The label of the scheme is stored with each hash.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bcrypt::{BcryptResult, HashParts};

use crate::domain::{BCRYPT_SCHEME, Password, PasswordHash};

/// A hashing scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    /// bcrypt of base64(HMAC-SHA-384(pepper, NFKC form)). The input has 64 bytes without NUL, so that bcrypt, which
    /// ignores everything after 72 bytes, ignores nothing. New passwords are hashed with this scheme.
    PepperedBcrypt,
    /// bcrypt of the password itself as it was typed, for imported hashes. Only the first 72 bytes of a longer
    /// password count, as in the system that made the hash. The first login replaces the hash by one of the whole
    /// password.
    Bcrypt,
}

const PEPPERED_BCRYPT: &str = "hmac-sha384+bcrypt";

/// The salt and digest of the dummy hash: well-formed, but of no known password.
const DUMMY_END: &str = "LatchkeyLatchkeyLatchOLatchkeyLatchkeyLatchkeyLatchkC";

impl Scheme {
    pub(super) fn of(hash: &PasswordHash) -> Option<Self> {
        match hash.scheme.as_str() {
            PEPPERED_BCRYPT => Some(Self::PepperedBcrypt),
            BCRYPT_SCHEME => Some(Self::Bcrypt),
            _ => None,
        }
    }

    pub(super) fn hash(
        pepper: &hmac::Key,
        password: &Password,
        cost: u32,
        salt: [u8; 16],
    ) -> BcryptResult<PasswordHash> {
        let parts = bcrypt::hash_with_salt(pre_hash(pepper, password), cost, salt)?;
        Ok(PasswordHash { scheme: PEPPERED_BCRYPT.to_owned(), value: parts.to_string() })
    }

    /// A hash that costs as much to verify as a real one and matches no password.
    pub(super) fn dummy(cost: u32) -> PasswordHash {
        PasswordHash { scheme: PEPPERED_BCRYPT.to_owned(), value: format!("$2b${cost:02}${DUMMY_END}") }
    }

    /// Verifies a password. A hash that cannot be parsed matches no password.
    pub(super) fn verify(
        self,
        pepper: &hmac::Key,
        password: &Password,
        hash: &PasswordHash,
    ) -> BcryptResult<bool> {
        let verified = match self {
            Self::PepperedBcrypt => bcrypt::verify(pre_hash(pepper, password), &hash.value),
            Self::Bcrypt => bcrypt::verify(password.as_typed(), &hash.value),
        };
        match verified {
            Ok(_) => verified,
            Err(error) => {
                tracing::error!(%error, "password.unreadable_hash");
                Ok(false)
            }
        }
    }

    /// Spends the time by which a verification at `cost` is slower than the one of `hash` was. Hashing once at each
    /// cost from that of `hash` up to `cost` - 1 takes exactly the difference, because each cost takes twice the
    /// rounds of the previous one.
    pub(super) fn add_missing_rounds(hash: &PasswordHash, cost: u32) -> BcryptResult<()> {
        let Ok(paid) = hash.value.parse::<HashParts>() else { return Ok(()) };
        for missing in paid.get_cost()..cost {
            std::hint::black_box(bcrypt::hash_with_salt([], missing, paid.get_salt_raw())?);
        }
        Ok(())
    }

    /// Whether a hash that is made now would have the same scheme and cost.
    pub(super) fn is_current(hash: &PasswordHash, cost: u32) -> bool {
        let same_cost = hash.value.parse::<HashParts>().is_ok_and(|parts| parts.get_cost() == cost);
        Self::of(hash) == Some(Self::PepperedBcrypt) && same_cost
    }
}

fn pre_hash(pepper: &hmac::Key, password: &Password) -> zeroize::Zeroizing<String> {
    zeroize::Zeroizing::new(STANDARD.encode(hmac::sign(pepper, password.normal().as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dummy_is_a_hash_of_the_cost_and_of_no_password() {
        for cost in [4, 12] {
            let dummy = Scheme::dummy(cost);
            assert_eq!(dummy.value.parse::<HashParts>().unwrap().get_cost(), cost);
            assert!(Scheme::is_current(&dummy, cost));
        }
        let pepper = hmac::Key::new(hmac::HMAC_SHA384, &[1; 32]);
        let verified = Scheme::PepperedBcrypt.verify(&pepper, &Password::presented(""), &Scheme::dummy(4));
        assert!(!verified.unwrap());
    }

    #[test]
    fn the_input_of_bcrypt_is_within_its_limit_and_without_nul() {
        let pepper = hmac::Key::new(hmac::HMAC_SHA384, &[1; 32]);
        let text = pre_hash(&pepper, &Password::presented("a\0a"));
        assert_eq!(text.len(), 64);
        assert!(!text.contains('\0'));
    }
}
