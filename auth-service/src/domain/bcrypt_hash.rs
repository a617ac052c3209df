//! bcrypt hashes of users that are imported from other systems.

use super::PasswordHash;

/// The scheme label of such hashes in the database.
pub const BCRYPT_SCHEME: &str = "bcrypt";

/// The highest cost that is accepted. One hash of this cost takes about four seconds, and each login occupies one of
/// the few hashing threads for that long.
const MAX_COST: u32 = 16;
const MIN_COST: u32 = 4;
/// The length of a hash: `$2b$12$`, 22 characters of salt, 31 of digest.
const LENGTH: usize = 60;

/// Why a hash is refused. The message is for the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBcryptHash {
    /// The text is not a bcrypt hash, or is of the kind `$2x$`, which a faulty implementation made.
    #[error("must be a bcrypt hash: $2a$, $2b$ or $2y$, two digits, $, and 53 characters")]
    Form,
    /// The cost is outside the accepted range.
    #[error("must have a cost of {MIN_COST} to {MAX_COST}")]
    Cost,
}

/// A bcrypt hash of the password itself, as other programs store it. The first successful login verifies it and
/// replaces it by a hash of our own scheme.
#[derive(Clone, PartialEq, Eq)]
pub struct BcryptHash(String);

impl BcryptHash {
    /// Parses a bcrypt hash.
    pub fn parse(text: &str) -> Result<Self, InvalidBcryptHash> {
        let known = ["$2a$", "$2b$", "$2y$"].iter().find_map(|prefix| text.strip_prefix(prefix));
        let (cost, end) = known.and_then(|rest| rest.split_once('$')).ok_or(InvalidBcryptHash::Form)?;
        let is_digits = cost.len() == 2 && cost.bytes().all(|byte| byte.is_ascii_digit());
        if !is_digits || text.len() != LENGTH || !is_salt_and_digest(end) {
            return Err(InvalidBcryptHash::Form);
        }
        let cost: u32 = cost.parse().map_err(|_| InvalidBcryptHash::Form)?;
        if !(MIN_COST..=MAX_COST).contains(&cost) {
            return Err(InvalidBcryptHash::Cost);
        }
        Ok(Self(text.to_owned()))
    }

    /// Converts the hash to the stored form.
    pub fn into_password_hash(self) -> PasswordHash {
        PasswordHash { scheme: BCRYPT_SCHEME.to_owned(), value: self.0 }
    }
}

/// Whether `end` is a salt and a digest in bcrypt's own base64. The last character of each has unused bits, which
/// must be zero.
fn is_salt_and_digest(end: &str) -> bool {
    let alphabet = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/');
    let salt_end = end.as_bytes().get(21).copied();
    let digest_end = end.as_bytes().last().copied();
    end.bytes().all(alphabet)
        && salt_end.is_some_and(|byte| b".Oeu".contains(&byte))
        && digest_end.is_some_and(|byte| b".CGKOSWaeimquy26".contains(&byte))
}

impl std::fmt::Debug for BcryptHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BcryptHash([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW";

    #[test]
    fn the_three_kinds_are_taken_as_they_are() {
        for kind in ["$2a$", "$2b$", "$2y$"] {
            let text = GOOD.replace("$2b$", kind);
            assert_eq!(BcryptHash::parse(&text).unwrap().into_password_hash().value, text);
        }
    }

    #[test]
    fn what_is_no_hash_or_costs_too_much_is_refused() {
        let form = Err(InvalidBcryptHash::Form);
        for text in [
            "",
            "rubbish",
            "{bcrypt}",
            &GOOD.replace("$2b$", "$2x$"),
            &GOOD.replace("$2b$", "$2$"),
            &GOOD[..59],
            &format!("{GOOD}A"),
            &GOOD.replace("/cIP", "+cIP"),
            &GOOD.replace("$12$", "$1a$"),
            &GOOD.replace("$12$", "$+9$"),
            &GOOD.replace("h2OPST", "h2PPST"),
            "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$aaaaaaaaaaaaaaaaaaaaaa",
        ] {
            assert_eq!(BcryptHash::parse(text), form, "{text}");
        }
        for cost in ["03", "17", "31", "99"] {
            let text = GOOD.replace("$12$", &format!("${cost}$"));
            assert_eq!(BcryptHash::parse(&text), Err(InvalidBcryptHash::Cost));
        }
    }

    proptest! {
        /// The bcrypt crate can read every hash that is accepted, and every hash that the crate makes is accepted.
        #[test]
        fn what_is_taken_is_what_can_be_verified(
            text in "\\$2[abyx]\\$[0-9]{2}\\$[./A-Za-z0-9]{21}[.Oeu1][./A-Za-z0-9]{30}[.CGKOSWaeimquy261]",
        ) {
            let read = text.parse::<bcrypt::HashParts>();
            match BcryptHash::parse(&text) {
                Ok(_) => prop_assert!(read.is_ok()),
                Err(InvalidBcryptHash::Form) => prop_assert!(read.is_err() || text.starts_with("$2x$")),
                Err(InvalidBcryptHash::Cost) => {}
            }
        }

        #[test]
        fn what_others_make_is_taken(salt: [u8; 16], password in ".{0,40}") {
            let made = bcrypt::hash_with_salt(password, 4, salt).unwrap();
            for version in [bcrypt::Version::TwoA, bcrypt::Version::TwoB, bcrypt::Version::TwoY] {
                prop_assert!(BcryptHash::parse(&made.format_for_version(version)).is_ok());
            }
        }
    }
}
