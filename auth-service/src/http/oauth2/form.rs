//! Reads the parameters of a request strictly (RFC 6749 §3.2): only from the body, none twice, and in UTF-8.

use std::borrow::Cow;

use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpMessage, HttpRequest, web};
use percent_encoding::percent_decode_str;
use service_kit::http::{BODY_LIMIT, require_identity_encoding};

use super::error::OauthError;

/// The most parameters of a request.
const MAX_PARAMETERS: usize = 100;

/// Parameters that are refused in the URL, because they may be secret and logs contain URLs. Other query parameters
/// are ignored.
const OURS: [&str; 15] = [
    "grant_type",
    "client_id",
    "client_secret",
    "client_assertion",
    "username",
    "password",
    "code",
    "code_verifier",
    "redirect_uri",
    "refresh_token",
    "scope",
    "resource",
    "token",
    "token_type_hint",
    "access_token",
];

/// The parameters. They may be secrets, so `Debug` is not implemented.
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads the parameters from the body.
    pub(super) async fn read(request: &HttpRequest, payload: web::Payload) -> Result<Self, OauthError> {
        if require_identity_encoding(request).is_err() {
            return Err(OauthError::Encoded);
        }
        // The parameters are percent-encoded UTF-8, so `charset` is ignored: some clients send the charset of their
        // platform.
        let is_form = request.content_type().eq_ignore_ascii_case("application/x-www-form-urlencoded");
        if !is_form || request.headers().get_all(CONTENT_TYPE).count() != 1 {
            return Err(OauthError::InvalidRequest("the body must be application/x-www-form-urlencoded"));
        }
        let query = parse(request.query_string())?;
        if query.iter().any(|(name, _)| OURS.contains(&name.as_str())) {
            return Err(OauthError::InvalidRequest("parameters belong in the body, not in the URL"));
        }
        let body = match payload.to_bytes_limited(BODY_LIMIT).await {
            Ok(Ok(body)) => body,
            Ok(Err(_)) => return Err(OauthError::InvalidRequest("the body broke off")),
            Err(_) => return Err(OauthError::TooLarge),
        };
        let body = std::str::from_utf8(&body).map_err(|_| NOT_UTF8)?;
        let parameters = parse(body)?;
        let mut names: Vec<_> = parameters.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        // RFC 8707 §2: only `resource` may occur more than once.
        let is_twice = |pair: &[&String]| matches!(pair, [one, other] if one == other && *one != "resource");
        if names.windows(2).any(is_twice) {
            return Err(OauthError::InvalidRequest("a parameter is given twice"));
        }
        Ok(Self(parameters))
    }

    /// The value of a parameter. An empty value counts as missing (RFC 6749 §3.2).
    pub(super) fn get(&self, name: &'static str) -> Option<&str> {
        self.all(name).next()
    }

    /// The values of a parameter that may occur more than once.
    pub(super) fn all(&self, name: &'static str) -> impl Iterator<Item = &str> {
        let named = self.0.iter().filter(move |(found, value)| found == name && !value.is_empty());
        named.map(|(_, value)| value.as_str())
    }
}

const NOT_UTF8: OauthError = OauthError::InvalidRequest("the parameters are not UTF-8");

fn parse(text: &str) -> Result<Vec<(String, String)>, OauthError> {
    let mut parameters = Vec::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        if parameters.len() == MAX_PARAMETERS {
            return Err(OauthError::InvalidRequest("there are too many parameters"));
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        parameters.push((decode(name).ok_or(NOT_UTF8)?, decode(value).ok_or(NOT_UTF8)?));
    }
    Ok(parameters)
}

/// Decodes form encoding; `None` if the result is not UTF-8. A `%` that does not begin an escape stands for itself,
/// as in browsers.
pub(super) fn decode(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded_once_and_in_utf_8() {
        for (encoded, decoded) in [
            ("plain-._~", Some("plain-._~")),
            ("a%3Ab%25c%2Bd+e", Some("a:b%c+d e")),
            ("%C3%A4%e2%82%ac", Some("ä€")),
            ("%2541", Some("%41")),
            ("100%", Some("100%")),
            ("%4", Some("%4")),
            ("%zz", Some("%zz")),
            ("", Some("")),
            ("%FF", None),
            ("%C3", None),
        ] {
            assert_eq!(decode(encoded).as_deref(), decoded, "{encoded}");
        }
    }

    #[test]
    fn parameters_are_read_in_order_and_not_without_end() {
        let parsed = parse("a=1&&b=2=3&c&=d").ok().unwrap();
        let expected = [("a", "1"), ("b", "2=3"), ("c", ""), ("", "d")];
        assert_eq!(parsed, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert!(parse(&"a=1&".repeat(MAX_PARAMETERS)).is_ok());
        assert!(parse(&"a=1&".repeat(MAX_PARAMETERS + 1)).is_err());
    }
}
