//! A name for each request, for whoever reads logs of several services.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{HeaderMap, HeaderName};
use actix_web::{FromRequest, HttpRequest};

use super::Refusal;
use super::context::RequestContext;

/// The header that carries it, in and out.
pub(super) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The id of the request: the client's when it is a sane one, else made here. An extractor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn of(headers: &HeaderMap) -> Self {
        let given = headers.get(HEADER).and_then(|value| value.to_str().ok());
        Self(match given.filter(|id| is_sane(id)) {
            Some(id) => id.to_owned(),
            None => uuid::Builder::from_random_bytes(rand::random()).into_uuid().to_string(),
        })
    }
}

/// Short, and nothing that a log or a terminal could take for something else.
fn is_sane(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

impl FromRequest for RequestId {
    type Error = Refusal;
    type Future = Ready<Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let found = RequestContext::of(request).map(|context| context.id().clone());
        ready(found.ok_or_else(|| Refusal::internal("no request id: the route is outside of http::app")))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn id_for(given: &[u8]) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, HeaderValue::from_bytes(given).unwrap());
        RequestId::of(&headers).0
    }

    #[test]
    fn a_sane_id_is_kept_and_any_other_replaced() {
        assert_eq!(id_for(b"abc-DEF_1.2"), "abc-DEF_1.2");
        assert_eq!(id_for(&[b'a'; 64]).len(), 64);
        for given in [&b""[..], b"a b", b"a\tb", b"a\"b", b"{}", b"\xff", &[b'a'; 65]] {
            let id = id_for(given);
            assert!(uuid::Uuid::parse_str(&id).is_ok(), "{given:?} became {id}");
        }
    }
}
