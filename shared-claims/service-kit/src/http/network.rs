//! IP addresses and networks for the list of trusted proxies, and names and addresses of this machine.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use actix_web::http::uri::Authority;
use ipnet::IpNet;
use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize, Serializer};
use url::Url;

/// An address, or a network in CIDR notation (RFC 4632 §3.1, RFC 4291 §2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(IpNet);

impl Network {
    /// Whether the network contains the address. An IPv4-mapped IPv6 address (`::ffff:…`) counts as its IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl FromStr for Network {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const ALLOWED: &str = "must be IP addresses or networks like 10.0.0.0/8";
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address = address.parse::<IpAddr>().map_err(|_| ALLOWED)?.to_canonical();
        match prefix {
            None => Ok(Self(address.into())),
            Some(prefix) => {
                let prefix = prefix.parse().map_err(|_| ALLOWED)?;
                IpNet::new(address, prefix).map(Self).map_err(|_| ALLOWED)
            }
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() {
            return self.0.addr().fmt(f);
        }
        self.0.fmt(f)
    }
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.trim().parse().map_err(D::Error::custom)
    }
}

/// Whether a `Host` header (or the authority of a request's URL) names this machine: `localhost`, a subdomain of it
/// (RFC 6761 §6.3), or a loopback address, with or without a port.
pub fn is_loopback_authority(authority: &str) -> bool {
    // `Authority` accepts `user@`, which a `Host` header does not have. It is refused, so that no other parser can read
    // the value differently.
    if authority.contains('@') {
        return false;
    }
    authority.parse::<Authority>().is_ok_and(|authority| is_loopback_host(authority.host()))
}

/// Whether a URL's host is this machine.
pub fn is_loopback_url(url: &Url) -> bool {
    url.host_str().is_some_and(is_loopback_host)
}

/// Checks a host as it appears in URLs, where IPv6 addresses are in brackets.
fn is_loopback_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().is_ok_and(|address| address.to_canonical().is_loopback());
    }
    if let Ok(address) = host.parse::<Ipv4Addr>() {
        return address.is_loopback();
    }
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(network: &str, address: &str) -> bool {
        network.parse::<Network>().unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn a_network_contains_its_addresses_and_no_others() {
        assert!(holds("10.0.0.0/8", "10.255.0.1"));
        assert!(!holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("192.0.2.7", "192.0.2.7"));
        assert!(!holds("192.0.2.7", "192.0.2.8"));
        assert!(holds("0.0.0.0/0", "203.0.113.9"));
        assert!(!holds("0.0.0.0/0", "2001:db8::1"));
        assert!(holds("2001:db8::/32", "2001:db8:1::1"));
        assert!(!holds("2001:db8::/32", "2001:db9::1"));
        assert!(holds("::/0", "2001:db9::1"));
    }

    #[test]
    fn an_ipv4_mapped_address_counts_as_its_ipv4_address() {
        assert!(holds("127.0.0.1", "::ffff:127.0.0.1"));
        assert!(holds("::ffff:127.0.0.1", "127.0.0.1"));
    }

    #[test]
    fn an_invalid_network_is_refused() {
        for text in ["", "proxy", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "::/129", "10.0.0/8"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }

    #[test]
    fn loopback_names_and_addresses_are_recognised() {
        for local in [
            "localhost",
            "LOCALHOST:8000",
            "localhost.",
            "id.localhost:1",
            "127.0.0.1:80",
            "127.9.9.9",
            "[::1]:80",
        ] {
            assert!(is_loopback_authority(local), "{local}");
        }
        for foreign in [
            "",
            "evil.example",
            "localhost.evil.example",
            "evillocalhost",
            "127.0.0.1.evil.example",
            "evil@localhost",
            "localhost@evil.example",
            "10.0.0.1",
            "0.0.0.0",
            "[::]",
            "[2001:db8::1]",
            "localhost evil.example",
            "localhost/evil",
            ":80",
        ] {
            assert!(!is_loopback_authority(foreign), "{foreign:?}");
        }
    }

    #[test]
    fn only_the_host_of_a_url_is_checked() {
        let is_local = |url: &str| is_loopback_url(&Url::parse(url).unwrap());
        assert!(
            is_local("http://localhost:8000") && is_local("https://[::1]/id") && is_local("http://127.0.0.1")
        );
        assert!(!is_local("https://id.example.com") && !is_local("http://localhost.example.com"));
        assert!(is_local("http://[::ffff:127.0.0.1]") && !is_local("unix:///localhost"));
    }
}
