//! Parses a token: three segments of strict base64url, and the header.

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::de::MapAccess;

use super::error::Reason;
use super::json::{self, Members};

/// Longer tokens are refused.
pub(super) const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// A header with a longer `kid` is refused.
pub(super) const MAX_KID_BYTES: usize = 256;

/// RFC 7515 §2: the URL-safe alphabet without padding. The unused bits of the last character must be zero.
pub(super) const STRICT_BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(false),
);

/// The parts of a token. Nothing in it has been verified yet.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    /// The signing input: header and payload as they were sent.
    pub(super) signed: &'a str,
    pub(super) kid: String,
    typ: Option<String>,
    pub(super) payload: Vec<u8>,
    pub(super) signature: Vec<u8>,
}

impl<'a> Parts<'a> {
    /// Splits a token and parses its header.
    pub(super) fn parse(token: &'a str) -> Result<Self, Reason> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Reason::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(Reason::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(Reason::Malformed)?;
        // The third segment of a token with more than three contains a dot, which is not a base64url character.
        let decode = |segment: &str| STRICT_BASE64.decode(segment).map_err(|_| Reason::Malformed);
        let (header, payload, signature) = (decode(header)?, decode(payload)?, decode(signature)?);
        let (kid, typ) = read_header(&header)?;
        Ok(Self { signed, kid, typ, payload, signature })
    }

    /// Refuses a token that is not an access token: RFC 9068 §4 requires `at+jwt` or `application/at+jwt`, and media
    /// types are case-insensitive.
    pub(super) fn require_access_token(&self) -> Result<(), Reason> {
        let is = |name: &str| self.typ.as_ref().is_some_and(|typ| typ.eq_ignore_ascii_case(name));
        if is("at+jwt") || is("application/at+jwt") { Ok(()) } else { Err(Reason::Type) }
    }
}

/// The header parameters that are used.
#[derive(Default)]
struct Header {
    alg: Option<String>,
    typ: Option<String>,
    kid: Option<String>,
    forbidden: bool,
}

impl<'de> Members<'de> for Header {
    fn member<A: MapAccess<'de>>(&mut self, name: &str, value: &mut A) -> Result<(), A::Error> {
        match name {
            "alg" => self.alg = Some(value.next_value()?),
            "typ" => self.typ = Some(value.next_value()?),
            "kid" => self.kid = Some(value.next_value()?),
            // `crit` lists extensions that must be understood (RFC 7515 §4.1.11), and none is supported. `b64` changes
            // the signing input (RFC 7797). The others carry keys that the sender chooses.
            "crit" | "b64" | "jku" | "jwk" | "x5u" | "x5c" => {
                self.forbidden = true;
                json::skip(value)?;
            }
            _ => json::skip(value)?,
        }
        Ok(())
    }
}

/// Parses the header and returns `kid` and `typ`.
fn read_header(json: &[u8]) -> Result<(String, Option<String>), Reason> {
    let header = json::read_object(json, Header::default()).map_err(|_| Reason::Header)?;
    if header.alg.as_deref() != Some("RS256") {
        return Err(Reason::Algorithm);
    }
    if header.forbidden {
        return Err(Reason::ForbiddenHeader);
    }
    let kid = header.kid.filter(|kid| !kid.is_empty() && kid.len() <= MAX_KID_BYTES).ok_or(Reason::Header)?;
    Ok((kid, header.typ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(header: &str) -> Result<String, Reason> {
        let encode = |text: &str| STRICT_BASE64.encode(text);
        Parts::parse(&format!("{}.{}.{}", encode(header), encode("{}"), encode("signature")))
            .and_then(|parts| parts.require_access_token().map(|()| parts.kid))
    }

    #[test]
    fn the_header_of_an_access_token_is_read() {
        for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
            let header = format!(r#"{{"alg":"RS256","typ":"{typ}","kid":"k","other":[{{"a":1}}]}}"#);
            assert_eq!(parse(&header), Ok("k".to_owned()), "{typ}");
        }
    }

    #[test]
    fn other_headers_are_refused() {
        let long = "k".repeat(MAX_KID_BYTES + 1);
        let long = format!(r#"{{"alg":"RS256","typ":"at+jwt","kid":"{long}"}}"#);
        for (header, reason) in [
            (r#"{"alg":"none","typ":"at+jwt","kid":"k"}"#, Reason::Algorithm),
            (r#"{"alg":"RS256 ","typ":"at+jwt","kid":"k"}"#, Reason::Algorithm),
            (r#"{"alg":"rs256","typ":"at+jwt","kid":"k"}"#, Reason::Algorithm),
            (r#"{"alg":["RS256"],"typ":"at+jwt","kid":"k"}"#, Reason::Header),
            (r#"{"alg":null,"typ":"at+jwt","kid":"k"}"#, Reason::Header),
            (r#"{"typ":"at+jwt","kid":"k"}"#, Reason::Algorithm),
            (r#"{"alg":"RS256","kid":"k"}"#, Reason::Type),
            (r#"{"alg":"RS256","typ":"JWT","kid":"k"}"#, Reason::Type),
            (r#"{"alg":"RS256","typ":"at+jwt"}"#, Reason::Header),
            (r#"{"alg":"RS256","typ":"at+jwt","kid":""}"#, Reason::Header),
            (r#"{"alg":"RS256","typ":"at+jwt","kid":1}"#, Reason::Header),
            (r#"{"alg":"RS256","typ":"at+jwt","kid":"k","crit":[]}"#, Reason::ForbiddenHeader),
            (r#"{"alg":"RS256","typ":"at+jwt","kid":"k","b64":true}"#, Reason::ForbiddenHeader),
            (r#"{"alg":"RS256","typ":"at+jwt","kid":"k","jwk":{}}"#, Reason::ForbiddenHeader),
            (r#"{"alg":"RS256","typ":"at+jwt","kid":"k","alg":"RS256"}"#, Reason::Header),
            (&long, Reason::Header),
        ] {
            assert_eq!(parse(header), Err(reason), "{header}");
        }
    }

    #[test]
    fn only_three_segments_of_strict_base64url_pass() {
        let header = STRICT_BASE64.encode(r#"{"alg":"RS256","typ":"at+jwt","kid":"k"}"#);
        assert!(Parts::parse(&format!("{header}.e30.AAAA")).is_ok());
        for bad in [
            "e30.AAAA.",
            "e30.AAAA.e30",
            "e31.AAAA",
            "e30=.AAAA",
            " e30.AAAA",
            "e30.AA+A",
            "e30.AA/A",
            "e30.AA A",
            "e30.AAAA\n",
        ] {
            let token = format!("{header}.{bad}");
            assert_eq!(Parts::parse(&token).err(), Some(Reason::Malformed), "{bad}");
        }
        assert_eq!(Parts::parse(&format!("{header}.e30")).err(), Some(Reason::Malformed));
        assert_eq!(Parts::parse(&"a".repeat(MAX_TOKEN_BYTES + 1)).err(), Some(Reason::TooLong));
    }
}
