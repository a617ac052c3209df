//! Recognises names and addresses of this machine.

use std::net::{Ipv4Addr, Ipv6Addr};

use actix_web::http::uri::Authority;
use url::Url;

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

    #[test]
    fn loopback_names_and_addresses_mean_this_machine() {
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
    fn the_host_of_a_url_counts() {
        let is_local = |url: &str| is_loopback_url(&Url::parse(url).unwrap());
        assert!(
            is_local("http://localhost:8000") && is_local("https://[::1]/id") && is_local("http://127.0.0.1")
        );
        assert!(!is_local("https://id.example.com") && !is_local("http://localhost.example.com"));
        assert!(is_local("http://[::ffff:127.0.0.1]") && !is_local("unix:///localhost"));
    }
}
