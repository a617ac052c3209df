//! The client's address: the peer's, or the one that a trusted proxy reports.

use std::future::{Ready, ready};
use std::net::{IpAddr, SocketAddr};

use actix_web::dev::Payload;
use actix_web::http::header::{FORWARDED, HeaderMap, HeaderName, X_FORWARDED_FOR};
use actix_web::{FromRequest, HttpRequest};

use super::context::RequestContext;
use super::{HttpError, Network};

/// The client's address. An actix-web extractor.
///
/// It is the peer's address, unless the peer is a trusted proxy. Then it is the rightmost address in `X-Forwarded-For`
/// (or, if that is absent, in `Forwarded`) that is not a trusted proxy. Everything to the left of it can be forged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    pub(super) fn of(peer: Option<SocketAddr>, headers: &HeaderMap, trusted: &[Network]) -> Option<Self> {
        let peer = peer?.ip().to_canonical();
        if !is_trusted(peer, trusted) {
            return Some(Self(peer));
        }
        let hops = hops(headers);
        let mut nearest = peer;
        for hop in hops.iter().rev() {
            // If an entry cannot be parsed, the search ends. The address that sent that entry is then the client's.
            let Some(address) = parse_hop(hop) else { break };
            nearest = address;
            if !is_trusted(address, trusted) {
                break;
            }
        }
        Some(Self(nearest))
    }
}

/// The forwarding entries, the client's own first.
fn hops(headers: &HeaderMap) -> Vec<String> {
    if headers.contains_key(X_FORWARDED_FOR) {
        return list(headers, &X_FORWARDED_FOR);
    }
    list(headers, &FORWARDED).iter().map(|element| for_parameter(element)).collect()
}

fn list(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let lines = headers.get_all(name).map(|value| value.to_str().unwrap_or("unreadable"));
    lines.flat_map(|line| line.split(',')).map(|item| item.trim().to_owned()).collect()
}

/// The `for` parameter of one element of `Forwarded` (RFC 7239).
fn for_parameter(element: &str) -> String {
    parameter(element, "for").unwrap_or_default().to_owned()
}

/// The value of a parameter of one element of `Forwarded`.
pub(super) fn parameter<'a>(element: &'a str, wanted: &str) -> Option<&'a str> {
    let parameters = element.split(';').filter_map(|parameter| parameter.split_once('='));
    let mut found = parameters.filter(|(name, _)| name.trim().eq_ignore_ascii_case(wanted));
    found.next().map(|(_, value)| value.trim().trim_matches('"'))
}

/// Whether this peer is a trusted proxy.
pub(super) fn is_trusted(peer: IpAddr, trusted: &[Network]) -> bool {
    trusted.iter().any(|network| network.contains(peer.to_canonical()))
}

/// Parses an address with or without a port, and an IPv6 address with or without brackets.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    let address = hop
        .parse::<IpAddr>()
        .ok()
        .or_else(|| hop.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
        .or_else(|| hop.strip_prefix('[')?.strip_suffix(']')?.parse().ok())?;
    Some(address.to_canonical())
}

impl FromRequest for ClientAddress {
    type Error = HttpError;
    type Future = Ready<Result<Self, HttpError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let found = RequestContext::of(request).and_then(|context| context.client());
        ready(
            found.ok_or_else(|| HttpError::internal("no client address: the route is outside of http::app")),
        )
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn client(peer: &str, trusted: &[&str], given: &[(&'static str, &str)]) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        let trusted: Vec<Network> = trusted.iter().map(|network| network.parse().unwrap()).collect();
        let peer = SocketAddr::new(peer.parse().unwrap(), 4711);
        ClientAddress::of(Some(peer), &headers, &trusted).unwrap().0.to_string()
    }

    const PROXIES: &[&str] = &["10.0.0.0/8", "::1"];

    #[test]
    fn an_untrusted_peer_cannot_choose_its_address() {
        let forged = [("x-forwarded-for", "198.51.100.1"), ("forwarded", "for=198.51.100.2")];
        assert_eq!(client("203.0.113.9", PROXIES, &forged), "203.0.113.9");
        assert_eq!(client("203.0.113.9", &[], &forged), "203.0.113.9");
    }

    #[test]
    fn the_client_is_the_rightmost_untrusted_address_from_a_trusted_proxy() {
        let one = |list| client("10.0.0.1", PROXIES, &[("x-forwarded-for", list)]);
        assert_eq!(one("203.0.113.9"), "203.0.113.9");
        assert_eq!(one("1.1.1.1, 203.0.113.9"), "203.0.113.9");
        assert_eq!(one("1.1.1.1, 203.0.113.9, 10.0.0.2"), "203.0.113.9");
        assert_eq!(one("203.0.113.9:55555"), "203.0.113.9");
        assert_eq!(one("[2001:db8::7]:55555"), "2001:db8::7");
        assert_eq!(one("[2001:db8::7]"), "2001:db8::7");
        assert_eq!(one("2001:db8::7"), "2001:db8::7");
        let lines = [("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "203.0.113.9")];
        assert_eq!(client("10.0.0.1", PROXIES, &lines), "203.0.113.9");
    }

    #[test]
    fn an_entry_that_cannot_be_parsed_ends_the_search() {
        for list in ["", "unknown", "203.0.113.9, _hidden", "x' OR 1=1", "999.1.1.1", ",,,"] {
            assert_eq!(client("10.0.0.1", PROXIES, &[("x-forwarded-for", list)]), "10.0.0.1", "{list}");
        }
        assert_eq!(client("10.0.0.1", PROXIES, &[("x-forwarded-for", "unknown, 10.0.0.2")]), "10.0.0.2");
        assert_eq!(client("10.0.0.1", PROXIES, &[("x-forwarded-for", "10.0.0.3")]), "10.0.0.3");
        assert_eq!(client("10.0.0.1", PROXIES, &[]), "10.0.0.1");
    }

    #[test]
    fn forwarded_is_used_if_x_forwarded_for_is_absent() {
        let one = |list| client("::1", PROXIES, &[("forwarded", list)]);
        assert_eq!(one("for=192.0.2.60;proto=http;by=203.0.113.43"), "192.0.2.60");
        assert_eq!(one("for=1.1.1.1, For=\"[2001:db8:cafe::17]:4711\""), "2001:db8:cafe::17");
        assert_eq!(one("for=1.1.1.1, proto=https"), "::1");
        let both = [("forwarded", "for=1.1.1.1"), ("x-forwarded-for", "203.0.113.9")];
        assert_eq!(client("::1", PROXIES, &both), "203.0.113.9");
    }
}
