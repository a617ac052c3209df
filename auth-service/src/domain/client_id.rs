//! The `client_id` of a client (RFC 6749 §2.2).

use std::fmt;

use shared_claims::claims::FIRST_PARTY_CLIENT;

use super::uuid_shape::looks_like_uuid;

const MAX_ID: usize = 64;

/// The id of a client: 1 to 64 bytes of letters, digits and visible ASCII characters. It must not be UUID-shaped (it
/// would look like a user's id in `sub`), and must not be an id that Latchkey reserves.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientId(String);

/// Why a text is not a client id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidClientId {
    /// The text is empty, too long, or has other characters.
    #[error("a client id is 1 to {MAX_ID} bytes of letters, digits and visible ASCII characters")]
    Shape,
    /// The text looks like a user's id.
    #[error("a client id must not look like a UUID: those are the users' ids")]
    Uuid,
    /// The id `first-party` is reserved for the built-in client.
    #[error("{FIRST_PARTY_CLIENT} is built in")]
    Reserved,
}

impl ClientId {
    /// Parses the id of a client to create.
    pub fn parse(text: &str) -> Result<Self, InvalidClientId> {
        let allowed = |character: char| character.is_alphanumeric() || character.is_ascii_graphic();
        if text.is_empty() || text.len() > MAX_ID || !text.chars().all(allowed) {
            return Err(InvalidClientId::Shape);
        }
        if looks_like_uuid(text) {
            return Err(InvalidClientId::Uuid);
        }
        if text.eq_ignore_ascii_case(FIRST_PARTY_CLIENT) {
            return Err(InvalidClientId::Reserved);
        }
        Ok(Self(text.to_owned()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_plain_and_looks_like_no_user() {
        for good in ["a", "billing", "Billing-2.0_x~", "https://app.example", "a:b%c+d-ä", &"x".repeat(64)] {
            assert_eq!(ClientId::parse(good).map(|id| id.to_string()), Ok(good.to_owned()));
        }
        for bad in ["", "a b", "a\0", "a\n", "a\u{200b}b", "a\u{202e}b", &"x".repeat(65), &"ä".repeat(33)] {
            assert_eq!(ClientId::parse(bad), Err(InvalidClientId::Shape), "{bad:?}");
        }
        let user = "01a20c9b-1111-7222-8333-444455556666";
        for uuid in [
            user.to_owned(),
            user.to_uppercase(),
            user.replace('-', ""),
            format!("URN:UUID:{user}"),
            format!("{{{user}}}"),
        ] {
            assert_eq!(ClientId::parse(&uuid), Err(InvalidClientId::Uuid), "{uuid}");
        }
        for ours in ["first-party", "First-Party"] {
            assert_eq!(ClientId::parse(ours), Err(InvalidClientId::Reserved));
        }
    }
}
