//! What the middleware changes in every response: errors in plain text become problems, security headers are added, and
//! large bodies are sent in chunks.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::HttpResponse;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::ServiceRequest;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, FORWARDED, HeaderMap, HeaderName,
    HeaderValue, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FORWARDED_PROTO,
    X_FRAME_OPTIONS,
};
use actix_web::web::Bytes;
use shared_claims::problem::Problem;

use super::client::{is_trusted, parameter};
use super::middleware::WorkerState;
use super::problem_response;

/// Whether the response is an error without a body or with plain text.
fn is_plain_text_error(response: &HttpResponse) -> bool {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return false;
    }
    match response.headers().get(CONTENT_TYPE) {
        Some(kind) => kind.as_bytes().starts_with(b"text/plain"),
        None => true,
    }
}

fn to_problem(bare: &HttpResponse) -> HttpResponse {
    let code = http::StatusCode::from_u16(bare.status().as_u16()).unwrap_or_default();
    let mut response = problem_response(Problem::new(code, code.canonical_reason().unwrap_or("Error")));
    for (name, value) in bare.headers() {
        if name != CONTENT_TYPE && name != CONTENT_LENGTH {
            response.headers_mut().append(name.clone(), value.clone());
        }
    }
    response
}

/// The response, converted to a problem if it is a plain-text error.
pub(super) fn problem_if_plain_text(response: HttpResponse) -> HttpResponse {
    if is_plain_text_error(&response) { to_problem(&response) } else { response }
}

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
pub(super) fn is_https(request: &ServiceRequest, worker: &WorkerState) -> bool {
    scheme_from_proxy(request, worker).unwrap_or(worker.security.is_https)
}

fn scheme_from_proxy(request: &ServiceRequest, worker: &WorkerState) -> Option<bool> {
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

/// The size of the chunks, and the amount that a connection collects before it writes. A connection keeps a buffer of
/// up to twice this size as long as it is open. The size is small, because thousands of connections may wait for their
/// next response.
pub(crate) const CHUNK_SIZE: usize = 4 * 1024;

/// Makes actix copy a large body chunk by chunk. It would copy a body of bytes as a whole into the connection's buffer
/// before it writes any of it, so each client that does not read would hold a copy of the whole response.
pub(super) fn in_chunks(body: BoxBody) -> BoxBody {
    match body.size() {
        BodySize::Sized(size) if size > CHUNK_SIZE as u64 => match body.try_into_bytes() {
            Ok(rest) => BoxBody::new(ChunkedBody { size, rest }),
            Err(body) => body,
        },
        _ => body,
    }
}

struct ChunkedBody {
    size: u64,
    rest: Bytes,
}

impl MessageBody for ChunkedBody {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.size)
    }

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let length = self.rest.len().min(CHUNK_SIZE);
        Poll::Ready(Some(Ok(self.rest.split_to(length))))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[actix_web::test]
    async fn a_large_body_is_sent_in_chunks_and_a_small_one_at_once() {
        let text: Bytes = (0..CHUNK_SIZE * 2 + 5).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let mut body = in_chunks(BoxBody::new(text.clone()));
        assert_eq!(body.size(), BodySize::Sized(text.len() as u64));
        let (mut whole, mut chunks) = (Vec::new(), 0);
        while let Some(chunk) = poll_fn(|context| Pin::new(&mut body).poll_next(context)).await {
            whole.extend_from_slice(&chunk.unwrap());
            chunks += 1;
        }
        assert_eq!((whole, chunks), (text.to_vec(), 3));
        assert_eq!(in_chunks(BoxBody::new("small")).try_into_bytes().unwrap(), "small");
    }
}
