//! The ids in a token: UUIDs in their canonical text form.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::{Builder, Uuid, Variant};

/// Why a string is not a valid id.
///
/// ```
/// use shared_claims::claims::{InvalidId, TokenId};
///
/// assert_eq!(TokenId::parse("7"), Err(InvalidId::Uuid));
/// assert_eq!(TokenId::parse("0198d2c4-0000-4abc-8000-000000000001"), Err(InvalidId::Version));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidId {
    /// Not a UUID in lower case with hyphens. Another spelling of the same UUID would be another key in Redis.
    #[error("not a UUID in lower case with hyphens")]
    Uuid,
    /// A UUID of a version other than 7 (RFC 9562 §5.7); it holds no time.
    #[error("not a UUIDv7")]
    Version,
}

/// The `jti` of a token: a UUIDv7 (RFC 9562 §5.7). Its time decides which revocations with a cut concern the token.
///
/// ```
/// use shared_claims::claims::TokenId;
///
/// let id = TokenId::new(1_700_000_000_123, [0xff; 10]);
/// assert_eq!(id.to_string(), "018bcfe5-687b-7fff-bfff-ffffffffffff");
/// assert_eq!(id.time_ms(), 1_700_000_000_123);
/// assert_eq!(id.to_string().parse(), Ok(id));
/// assert_eq!(id.as_bytes().len(), 16);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId([u8; 16]);

impl TokenId {
    /// Builds an id from a time (milliseconds since the Unix epoch, of which 48 bits are kept) and random bits. Six of
    /// the random bits are replaced by version and variant.
    pub fn new(time_ms: i64, random: [u8; 10]) -> Self {
        let time_ms = u64::try_from(time_ms).unwrap_or(0);
        Self(Builder::from_unix_timestamp_millis(time_ms, &random).into_uuid().into_bytes())
    }

    /// Parses an id.
    ///
    /// # Errors
    /// [`InvalidId`] for anything but a UUIDv7 in lower case with hyphens.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        let id = canonical(text)?;
        if id.get_version_num() != 7 || id.get_variant() != Variant::RFC4122 {
            return Err(InvalidId::Version);
        }
        Ok(Self(id.into_bytes()))
    }

    /// The time in the id, milliseconds since the Unix epoch.
    pub fn time_ms(self) -> i64 {
        // 48 bits always fit.
        i64::try_from(u128::from_be_bytes(self.0) >> 80).unwrap_or(i64::MAX)
    }

    /// The 16 bytes of the UUID.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// The `sid` of a token: a UUID.
///
/// ```
/// use shared_claims::claims::SessionId;
///
/// let id: SessionId = "0198d2c4-0000-4000-8000-000000000002".parse()?;
/// assert_eq!(SessionId::from_bytes(*id.as_bytes()), id);
/// assert!(SessionId::parse("0198D2C4-0000-4000-8000-000000000002").is_err());
/// # Ok::<(), shared_claims::claims::InvalidId>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId([u8; 16]);

impl SessionId {
    /// The id with these bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Parses an id.
    ///
    /// # Errors
    /// [`InvalidId`] for anything but a UUID in lower case with hyphens.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        Ok(Self(canonical(text)?.into_bytes()))
    }

    /// The 16 bytes of the UUID.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

fn canonical(text: &str) -> Result<Uuid, InvalidId> {
    let id = Uuid::try_parse(text).map_err(|_| InvalidId::Uuid)?;
    let written = id.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text;
    if written { Ok(id) } else { Err(InvalidId::Uuid) }
}

macro_rules! reads_and_writes_as_text {
    ($id:ident) => {
        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                Uuid::from_bytes(self.0).hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($id), "({})"), self)
            }
        }

        impl FromStr for $id {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::parse(text)
            }
        }

        impl Serialize for $id {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $id {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;

                impl serde::de::Visitor<'_> for Text {
                    type Value = $id;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("a UUID in lower case with hyphens")
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$id, E> {
                        $id::parse(text).map_err(E::custom)
                    }
                }

                deserializer.deserialize_str(Text)
            }
        }
    };
}

reads_and_writes_as_text!(TokenId);
reads_and_writes_as_text!(SessionId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_forms_are_other_ids() {
        const GOOD: &str = "0198d2c4-0000-7abc-8000-000000000001";
        assert_eq!(TokenId::parse(GOOD).map(|id| id.to_string()).as_deref(), Ok(GOOD));
        for bad in [
            "",
            &GOOD.to_uppercase(),
            &GOOD.replace('-', ""),
            &format!("{{{GOOD}}}"),
            &format!("urn:uuid:{GOOD}"),
            &format!("{GOOD} "),
        ] {
            assert_eq!(TokenId::parse(bad), Err(InvalidId::Uuid), "{bad}");
            assert_eq!(SessionId::parse(bad), Err(InvalidId::Uuid), "{bad}");
        }
    }

    #[test]
    fn only_version_7_holds_a_time() {
        for other in ["0198d2c4-0000-4abc-8000-000000000001", "0198d2c4-0000-7abc-c000-000000000001"] {
            assert_eq!(TokenId::parse(other), Err(InvalidId::Version), "{other}");
            assert!(SessionId::parse(other).is_ok(), "{other}");
        }
    }

    #[test]
    fn times_keep_their_order() {
        let id = |ms| TokenId::new(ms, [0; 10]);
        assert!(id(1) < id(2) && id(255) < id(256) && id(-1) == id(0));
        assert_eq!(id((1 << 48) - 1).time_ms(), (1 << 48) - 1);
    }

    #[test]
    fn json_has_them_as_text() {
        let id = TokenId::new(1, [0; 10]);
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(json, "\"00000000-0001-7000-8000-000000000000\"");
        assert_eq!(serde_json::from_str::<TokenId>(&json).unwrap(), id);
        assert!(serde_json::from_str::<TokenId>("1").is_err());
    }
}
