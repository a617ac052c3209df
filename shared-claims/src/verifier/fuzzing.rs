//! The fuzz checks for headers, tokens and key sets.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a panic is a finding"
)]

mod claims;
mod key_set;
mod token;

use base64::Engine as _;
use serde::de::MapAccess;

pub use key_set::key_set;
#[cfg(test)]
pub(crate) use token::is_accepted;
pub use token::token;

use super::json::{self, Members, read_object};
use super::token::{Parts, STRICT_BASE64};
use crate::fuzzing::LenientJson;

struct Anything;

impl<'de> Members<'de> for Anything {
    fn member<A: MapAccess<'de>>(&mut self, _: &str, value: &mut A) -> Result<(), A::Error> {
        json::skip(value)
    }
}

/// The strict parser accepts exactly the objects of bounded size and depth in which no member is repeated.
pub fn json(data: &[u8]) {
    let accepted = read_object(data, Anything).is_ok();
    let Some(value) = LenientJson::parse(data) else { return assert!(!accepted, "no JSON") };
    let is_plain = value.members().is_some() && !value.repeats() && value.width() <= 256;
    if accepted {
        assert!(is_plain && value.depth() <= 17, "accepted");
    } else {
        assert!(!is_plain || value.depth() >= 16, "refused");
    }
}

/// A header is accepted exactly if a second implementation of RFC 7515 and RFC 9068 accepts it as an access token's.
pub fn header(data: &[u8]) {
    let token = format!("{}.e30.AAAA", STRICT_BASE64.encode(data));
    let accepted = Parts::parse(&token).and_then(|parts| parts.require_access_token().map(|()| parts.kid));
    match (accepted, good_header(data)) {
        (Ok(kid), Some(expected)) => assert_eq!(kid, expected),
        (Err(_), None) => {}
        // A header beyond the parser's limits on length or depth may be refused.
        (Err(_), Some(_)) => assert!(is_unusual(data), "refused"),
        (Ok(_), None) => panic!("accepted"),
    }
}

/// The `kid` of a valid header.
fn good_header(json: &[u8]) -> Option<String> {
    let header = LenientJson::parse(json)?;
    let text = |name: &str| header.get(name).and_then(LenientJson::text);
    let typ = text("typ")?.to_ascii_lowercase();
    let forbidden = ["crit", "b64", "jku", "jwk", "x5u", "x5c"].iter().any(|name| header.get(name).is_some());
    let kid = text("kid")?;
    let good = !header.repeats()
        && !forbidden
        && text("alg")? == "RS256"
        && (typ == "at+jwt" || typ == "application/at+jwt")
        && (1..=256).contains(&kid.len());
    good.then(|| kid.to_owned())
}

/// Whether the input is beyond one of the parser's limits.
fn is_unusual(json: &[u8]) -> bool {
    json.len() > 8_000
        || LenientJson::parse(json).is_none_or(|value| value.depth() >= 16 || value.width() > 200)
}
