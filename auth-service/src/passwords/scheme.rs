//! How a hash was made; the label stands beside it.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bcrypt::{BcryptResult, HashParts};

use crate::domain::{BCRYPT_SCHEME, Password, PasswordHash};

/// The ways to make a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    /// bcrypt over base64(HMAC-SHA-384(pepper, NFKC form)): 64 bytes without NUL, so that bcrypt's end at 72 bytes
    /// cuts nothing off. What is set here is of this kind.
    PepperedBcrypt,
    /// bcrypt over the password itself as it was typed, as imported from elsewhere. Of a longer password its first 72
    /// bytes decide, as where it was made; the login that they open makes the whole of it the password.
    Bcrypt,
}

const PEPPERED_BCRYPT: &str = "hmac-sha384+bcrypt";

/// Salt and digest of the dummy: well-formed, of no password that anybody knows.
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

    /// A hash that costs as much as any and matches nothing.
    pub(super) fn dummy(cost: u32) -> PasswordHash {
        PasswordHash { scheme: PEPPERED_BCRYPT.to_owned(), value: format!("$2b${cost:02}${DUMMY_END}") }
    }

    /// A hash that cannot be read matches nothing.
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

    /// Takes the time that a verification at `cost` takes longer than that of `hash` did: 2^c more rounds for each c
    /// from the one to the other make exactly the difference.
    pub(super) fn make_up_for_cheapness(hash: &PasswordHash, cost: u32) -> BcryptResult<()> {
        let Ok(paid) = hash.value.parse::<HashParts>() else { return Ok(()) };
        for missing in paid.get_cost()..cost {
            std::hint::black_box(bcrypt::hash_with_salt([], missing, paid.get_salt_raw())?);
        }
        Ok(())
    }

    /// Whether a hash made now would be of the same kind and cost.
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
    fn what_bcrypt_gets_is_shorter_than_its_end_and_without_nul() {
        let pepper = hmac::Key::new(hmac::HMAC_SHA384, &[1; 32]);
        let text = pre_hash(&pepper, &Password::presented("a\0a"));
        assert_eq!(text.len(), 64);
        assert!(!text.contains('\0'));
    }
}
