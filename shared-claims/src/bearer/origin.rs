//! The check against cross-site request forgery: a request that a cookie authenticates may change something only if it
//! comes from an allowed origin.

use super::error::BearerError;
use super::request::Request;

const ORIGIN: &str = "origin";
const SEC_FETCH_SITE: &str = "sec-fetch-site";

/// The error for a string that is not an origin.
///
/// ```
/// use shared_claims::actix::{InvalidOrigin, OriginRule};
///
/// assert_eq!(OriginRule::new(["*"]).err(), Some(InvalidOrigin("*".to_owned())));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an origin is scheme://host[:port] with http or https, without a path: not {0:?}")]
pub struct InvalidOrigin(pub String);

/// The check against cross-site request forgery, with the origins from which a request with a cookie may change something:
/// the listed ones and the service's own.
#[derive(Clone, Debug, Default)]
pub(crate) struct OriginCheck {
    allowed: Vec<Origin>,
}

impl OriginCheck {
    /// Allows these origins and the service's own.
    pub(crate) fn new<I, S>(allowed: I) -> Result<Self, InvalidOrigin>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<str>,
    {
        let parse = |origin: S| {
            Origin::parse(origin.as_ref()).ok_or_else(|| InvalidOrigin(origin.as_ref().to_owned()))
        };
        Ok(Self { allowed: allowed.into_iter().map(parse).collect::<Result<_, _>>()? })
    }

    /// Accepts a request whose method is safe, or that comes from a listed origin or the service's own.
    pub(crate) fn check(&self, request: &impl Request) -> Result<(), BearerError> {
        let passes = request.is_safe() || self.is_same_site(request);
        passes.then_some(()).ok_or(BearerError::ForeignOrigin)
    }

    /// Applies the check to every method. A request that does not say where it comes from is accepted.
    #[cfg(feature = "actix")]
    pub(crate) fn check_not_foreign(&self, request: &impl Request) -> Result<(), BearerError> {
        let has_no_source = !names_origin(request) && !request.has(SEC_FETCH_SITE);
        (has_no_source || self.is_same_site(request)).then_some(()).ok_or(BearerError::ForeignOrigin)
    }

    fn is_same_site(&self, request: &impl Request) -> bool {
        if names_origin(request) {
            let Some(origin) = request.only(ORIGIN).and_then(Origin::parse) else { return false };
            return self.allowed.contains(&origin) || is_own(&origin, request);
        }
        request.only(SEC_FETCH_SITE) == Some("same-origin")
    }
}

/// Whether the request names an origin. `null` does not count as one: browsers send it for pages that hide their
/// origin, the service's own pages among them. `Sec-Fetch-Site` decides then.
fn names_origin(request: &impl Request) -> bool {
    request.has(ORIGIN) && request.only(ORIGIN) != Some("null")
}

/// Whether the origin is on the host to which the request was sent. A page loaded over plain `http` is not the
/// service's own if the service is reached over TLS. The reverse is accepted, because it happens behind a proxy that
/// ends TLS and does not say so.
fn is_own(origin: &Origin, request: &impl Request) -> bool {
    // HTTP/2 sends the authority in the request target instead of a `Host` header.
    let Some(host) = request.only("host").or_else(|| request.authority()) else { return false };
    let own = Origin::parse_host(origin.scheme, host);
    own.as_ref() == Some(origin) && (origin.scheme == Scheme::Https || request.public_scheme() == "http")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

/// Scheme, host and port (RFC 6454 §4). A default port is filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    scheme: Scheme,
    host: String,
    port: u16,
}

impl Origin {
    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let scheme = match scheme {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return None,
        };
        Self::parse_host(scheme, rest)
    }

    fn parse_host(scheme: Scheme, text: &str) -> Option<Self> {
        // An IPv6 address contains colons itself, inside brackets.
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
                (host, digits.then(|| port.parse().ok())??)
            }
            _ => (text, if scheme == Scheme::Https { 443 } else { 80 }),
        };
        let name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        let address = |byte: u8| byte.is_ascii_hexdigit() || b":.".contains(&byte);
        let well_formed = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(inside) => !inside.is_empty() && inside.bytes().all(address),
            None => !host.is_empty() && host.bytes().all(name),
        };
        well_formed.then(|| Self { scheme, host: host.to_ascii_lowercase(), port })
    }
}
