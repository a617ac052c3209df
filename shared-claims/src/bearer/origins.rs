//! The check against cross-site request forgery: a request that a cookie authenticates may change something only if it
//! comes from an allowed origin.

use super::origin::{Origin, Scheme};
use super::refusal::Refusal;
use super::request::Request;

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

/// The origins from which a request with a cookie may change something: the listed ones and the service's own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origins {
    allowed: Vec<Origin>,
}

impl Origins {
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
    pub(crate) fn check(&self, request: &impl Request) -> Result<(), Refusal> {
        let passes = request.is_safe() || self.is_same_site(request);
        passes.then_some(()).ok_or(Refusal::ForeignOrigin)
    }

    /// Applies the check to every method. A request that does not say where it comes from is accepted.
    #[cfg(feature = "actix")]
    pub(crate) fn check_not_foreign(&self, request: &impl Request) -> Result<(), Refusal> {
        let says_nothing = !names_origin(request) && !request.has(SEC_FETCH_SITE);
        (says_nothing || self.is_same_site(request)).then_some(()).ok_or(Refusal::ForeignOrigin)
    }

    fn is_same_site(&self, request: &impl Request) -> bool {
        if names_origin(request) {
            let Some(origin) = request.only(ORIGIN).and_then(Origin::parse) else { return false };
            return self.allowed.contains(&origin) || is_own(&origin, request);
        }
        request.only(SEC_FETCH_SITE) == Some("same-origin")
    }
}

const ORIGIN: &str = "origin";
const SEC_FETCH_SITE: &str = "sec-fetch-site";

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
