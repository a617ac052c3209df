//! Notices a proxy that the settings do not name. The address of every caller is then the proxy's, so all people share the
//! limits of one address, and a few typing errors lock out everybody.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::http::header::{FORWARDED, X_FORWARDED_FOR};
use service_kit::http::Network;
use shared_claims::clock::SharedClock;

/// The number of requests that are looked at together.
const SAMPLE: u32 = 50;
/// How long nothing is said after a warning, in milliseconds.
const PAUSE_MS: i64 = 3_600_000;

/// The ends of the paths of logins, registrations and the like.
const PATHS: [&str; 6] =
    ["/auth/token", "/auth/login", "/auth/register", "/login", "/register", "/auth/password/forgot"];

/// Looks at where logins come from.
pub struct ProxyWatch {
    trusted: Vec<Network>,
    clock: SharedClock,
    seen: Mutex<Seen>,
}

/// The requests of the current sample.
#[derive(Default)]
struct Seen {
    requests: u32,
    /// How many came from each private address that forwards for others.
    forwarded: HashMap<IpAddr, u32>,
    warned_at_ms: Option<i64>,
}

impl ProxyWatch {
    /// `trusted` are the proxies that the settings name.
    pub fn new(trusted: Vec<Network>, clock: SharedClock) -> Self {
        Self { trusted, clock, seen: Mutex::default() }
    }

    /// Looks at a request, and warns if most came through one proxy that is not trusted.
    pub(super) fn note(&self, request: &HttpRequest) {
        let is_login_like =
            request.method() == Method::POST && PATHS.iter().any(|end| request.path().ends_with(end));
        let Some(peer) = request.peer_addr().filter(|_| is_login_like) else { return };
        let headers = request.headers();
        let is_forwarded = headers.contains_key(X_FORWARDED_FOR) || headers.contains_key(FORWARDED);
        if let Some(proxy) = self.count(peer.ip().to_canonical(), is_forwarded) {
            tracing::warn!(
                %proxy,
                "most logins come from one private address that forwards for others, and count for that one address: \
                 name the proxy in http.trusted_proxies"
            );
        }
    }

    /// Counts a request. Returns the proxy to warn of.
    fn count(&self, peer: IpAddr, is_forwarded: bool) -> Option<IpAddr> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.requests += 1;
        if is_forwarded && is_private(peer) && !self.trusted.iter().any(|network| network.contains(peer)) {
            *seen.forwarded.entry(peer).or_default() += 1;
        }
        if seen.requests < SAMPLE {
            return None;
        }
        seen.requests = 0;
        let counts = std::mem::take(&mut seen.forwarded);
        let (proxy, _) = counts.into_iter().find(|(_, count)| *count > SAMPLE / 2)?;
        let now_ms = self.clock.now_ms();
        let is_quiet = |at_ms: i64| (0..PAUSE_MS).contains(&now_ms.saturating_sub(at_ms));
        if seen.warned_at_ms.is_some_and(is_quiet) {
            return None;
        }
        seen.warned_at_ms = Some(now_ms);
        Some(proxy)
    }
}

/// Whether the address is one of an own network or of this machine (RFC 1918, RFC 6598, RFC 4193).
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            let is_shared = first == 100 && (64..128).contains(&second);
            address.is_private() || address.is_loopback() || address.is_link_local() || is_shared
        }
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use shared_claims::clock::ManualClock;

    use super::*;

    fn watch(trusted: &[&str]) -> (ProxyWatch, Arc<ManualClock>) {
        let clock = ManualClock::at(1_700_000_000_000);
        let trusted = trusted.iter().map(|network| network.parse().unwrap()).collect();
        (ProxyWatch::new(trusted, Arc::clone(&clock) as SharedClock), clock)
    }

    /// Counts so many requests, and returns the warnings.
    fn warnings(watch: &ProxyWatch, requests: u32, peer: &str, is_forwarded: bool) -> Vec<String> {
        let peer = peer.parse().unwrap();
        let counted = (0..requests).filter_map(|_| watch.count(peer, is_forwarded));
        counted.map(|proxy| proxy.to_string()).collect()
    }

    #[test]
    fn a_proxy_that_is_not_trusted_is_named_once_an_hour() {
        let (watch, clock) = watch(&["10.0.0.0/8"]);
        assert!(warnings(&watch, SAMPLE - 1, "172.18.0.2", true).is_empty());
        assert_eq!(warnings(&watch, 1, "172.18.0.2", true), ["172.18.0.2"]);
        assert!(warnings(&watch, 10 * SAMPLE, "172.18.0.2", true).is_empty());
        clock.advance_ms(3_600_000);
        assert_eq!(warnings(&watch, 10 * SAMPLE, "172.18.0.2", true), ["172.18.0.2"]);
    }

    #[test]
    fn nothing_is_said_of_trusted_proxies_of_callers_and_of_half_the_requests() {
        let (watch, _) = watch(&["10.0.0.0/8"]);
        for (peer, is_forwarded) in [("10.0.0.1", true), ("198.51.100.1", true), ("172.18.0.2", false)] {
            assert!(warnings(&watch, 2 * SAMPLE, peer, is_forwarded).is_empty(), "{peer}");
        }
        for _ in 0..4 {
            assert!(warnings(&watch, SAMPLE / 2, "172.18.0.2", true).is_empty());
            assert!(warnings(&watch, SAMPLE / 2, "172.18.0.3", true).is_empty());
        }
    }

    #[test]
    fn private_addresses_are_those_of_own_networks() {
        let is = |text: &str| is_private(text.parse().unwrap());
        for private in ["10.1.2.3", "172.18.0.1", "192.168.0.1", "127.0.0.1", "100.64.0.1", "::1", "fd00::1"]
        {
            assert!(is(private), "{private}");
        }
        for public in ["198.51.100.1", "172.32.0.1", "100.128.0.1", "2001:db8::1"] {
            assert!(!is(public), "{public}");
        }
    }
}
