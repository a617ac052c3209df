//! The security headers of every response, errors included. A header that a handler set is kept.

use actix_web::dev::ServiceRequest;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, FORWARDED, HeaderMap, HeaderName, HeaderValue,
    REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FORWARDED_PROTO, X_FRAME_OPTIONS,
};

use super::client::{is_trusted, parameter};
use super::front::Worker;

/// Responses are data: nothing in them may run, load other content or be framed. `/docs` and hosted pages set their own
/// policy.
const HEADERS: [(HeaderName, HeaderValue); 6] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        ),
    ),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

/// The prepared headers.
pub(super) struct SecurityHeaders {
    headers: [(HeaderName, HeaderValue); 6],
    transport: HeaderValue,
    /// Whether the service's public URL uses https.
    is_https: bool,
}

impl SecurityHeaders {
    pub(super) fn new(is_https: bool, covers_subdomains: bool) -> Self {
        let transport =
            if covers_subdomains { "max-age=31536000; includeSubDomains" } else { "max-age=31536000" };
        Self { headers: HEADERS, transport: HeaderValue::from_static(transport), is_https }
    }

    pub(super) fn add(&self, headers: &mut HeaderMap, is_https: bool) {
        // Most handlers set at most a content type.
        let is_plain = headers.is_empty() || (headers.len() == 1 && headers.contains_key(CONTENT_TYPE));
        for (name, value) in &self.headers {
            if is_plain || !headers.contains_key(name) {
                headers.insert(name.clone(), value.clone());
            }
        }
        if is_https && !headers.contains_key(STRICT_TRANSPORT_SECURITY) {
            headers.insert(STRICT_TRANSPORT_SECURITY, self.transport.clone());
        }
    }
}

/// Whether the client used https. A trusted proxy's header decides; without one, the public URL does.
/// `Strict-Transport-Security` must not be sent over http (RFC 6797 §7.2).
pub(super) fn is_https(request: &ServiceRequest, worker: &Worker) -> bool {
    said_by_proxy(request, worker).unwrap_or(worker.security.is_https)
}

fn said_by_proxy(request: &ServiceRequest, worker: &Worker) -> Option<bool> {
    if worker.trusted_proxies.is_empty() || !is_trusted(request.peer_addr()?.ip(), &worker.trusted_proxies) {
        return None;
    }
    let headers = request.headers();
    // The last value is from the nearest proxy. Everything to the left of it can be forged.
    if let Some(line) = headers.get_all(X_FORWARDED_PROTO).last() {
        let scheme = line.to_str().ok()?.rsplit(',').next()?.trim();
        return Some(scheme.eq_ignore_ascii_case("https"));
    }
    let line = headers.get_all(FORWARDED).last()?.to_str().ok()?;
    let scheme = parameter(line.rsplit(',').next()?, "proto")?;
    Some(scheme.eq_ignore_ascii_case("https"))
}
