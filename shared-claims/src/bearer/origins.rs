//! Whether a request that a cookie authenticates may change something: it must come from a page of ours.

use super::origin::{Origin, Scheme};
use super::refusal::Refusal;
use super::request::Request;

/// A string that is no origin.
///
/// ```
/// use shared_claims::actix::{InvalidOrigin, OriginRule};
///
/// assert_eq!(OriginRule::new(["*"]).err(), Some(InvalidOrigin("*".to_owned())));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an origin is scheme://host[:port] with http or https, without a path: not {0:?}")]
pub struct InvalidOrigin(pub String);

/// The origins from which a cookie may change something: the listed ones and our own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origins {
    allowed: Vec<Origin>,
}

impl Origins {
    /// These and our own.
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

    /// Lets pass what changes nothing, and what comes from a listed origin or our own.
    pub(crate) fn check(&self, request: &impl Request) -> Result<(), Refusal> {
        let passes = request.is_safe() || self.is_same_site(request);
        passes.then_some(()).ok_or(Refusal::ForeignOrigin)
    }

    /// The same whatever the method; what says nothing of where it comes from passes.
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

/// Whether the request names an origin. `null` is none: browsers send it from pages that withhold theirs, our own among
/// them, and what `Sec-Fetch-Site` says then counts.
fn names_origin(request: &impl Request) -> bool {
    request.has(ORIGIN) && request.only(ORIGIN) != Some("null")
}

/// An origin on the host that was asked for. A page that was loaded in the clear is not our own where we are reached
/// over TLS; the other way round happens behind a proxy that ends TLS and does not say so.
fn is_own(origin: &Origin, request: &impl Request) -> bool {
    // HTTP/2 has the authority in the target.
    let Some(host) = request.only("host").or_else(|| request.authority()) else { return false };
    let own = Origin::parse_host(origin.scheme, host);
    own.as_ref() == Some(origin) && (origin.scheme == Scheme::Https || request.public_scheme() == "http")
}
