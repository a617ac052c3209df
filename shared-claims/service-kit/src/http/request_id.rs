//! An id for each request, which connects the logs of several services.

use std::fmt;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{HeaderMap, HeaderName};
use actix_web::{FromRequest, HttpRequest};
use uuid::fmt::Hyphenated;

use super::HttpError;
use super::context::RequestContext;

/// The header of the id, in requests and responses.
pub(super) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The id of the request, which is unique. An extractor.
///
/// The service always generates it, because two callers may send the same `X-Request-Id`, and audit events must
/// distinguish them. An id sent by the caller is kept too: the log contains both, and the response repeats the
/// caller's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId {
    own: OwnId,
    callers: Option<String>,
}

/// The text of a UUID, stored without an allocation because every request has one.
#[derive(Clone, Copy, PartialEq, Eq)]
struct OwnId([u8; Hyphenated::LENGTH]);

impl OwnId {
    fn random() -> Self {
        let mut text = [0; Hyphenated::LENGTH];
        uuid::Builder::from_random_bytes(rand::random()).into_uuid().hyphenated().encode_lower(&mut text);
        Self(text)
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for OwnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl RequestId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        self.own.as_str()
    }

    /// The id that the caller sent, if it is valid.
    pub(super) fn callers(&self) -> Option<&str> {
        self.callers.as_deref()
    }

    /// The id in the response: the caller's if there is one, else the service's.
    pub(super) fn answered(&self) -> &str {
        self.callers().unwrap_or(self.as_str())
    }

    pub(super) fn of(headers: &HeaderMap) -> Self {
        let callers = headers.get(HEADER).and_then(|value| value.to_str().ok());
        Self { own: OwnId::random(), callers: callers.filter(|id| is_sane(id)).map(str::to_owned) }
    }
}

/// Whether the id is short and has only characters that cannot confuse a log or a terminal.
fn is_sane(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

impl FromRequest for RequestId {
    type Error = HttpError;
    type Future = Ready<Result<Self, HttpError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let found = RequestContext::of(request).map(|context| context.id().clone());
        ready(found.ok_or_else(|| HttpError::internal("no request id: the route is outside of http::app")))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn id_for(given: &[u8]) -> RequestId {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, HeaderValue::from_bytes(given).unwrap());
        RequestId::of(&headers)
    }

    #[test]
    fn a_sane_id_of_the_caller_is_kept_beside_our_own() {
        for given in ["abc-DEF_1.2", &"a".repeat(64)] {
            let [one, other] = [id_for(given.as_bytes()), id_for(given.as_bytes())];
            assert_eq!((one.callers(), one.answered()), (Some(given), given));
            assert_ne!(one.as_str(), other.as_str());
            assert!(uuid::Uuid::parse_str(one.as_str()).is_ok());
        }
        for given in [&b""[..], b"a b", b"a\tb", b"a\"b", b"{}", b"\xff", &[b'a'; 65]] {
            let id = id_for(given);
            assert_eq!((id.callers(), id.answered()), (None, id.as_str()), "{given:?}");
        }
    }
}
