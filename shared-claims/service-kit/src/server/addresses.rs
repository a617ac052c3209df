//! Counts the connections of each IP address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use crate::http::{HttpSettings, Network};

/// The number of connections by address, for all workers together. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Addresses {
    /// `None` where there is no limit.
    counted: Option<Arc<Counted>>,
}

#[derive(Debug)]
struct Counted {
    limit: usize,
    exempt: Vec<Network>,
    open: Mutex<HashMap<IpAddr, usize>>,
}

/// A connection of an address, counted until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    counted: Arc<Counted>,
    address: IpAddr,
}

/// The error when an address has reached its limit of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooMany;

impl Addresses {
    pub(super) fn of(settings: &HttpSettings) -> Self {
        let counted = (settings.max_connections_per_address > 0).then(|| {
            Arc::new(Counted {
                limit: settings.max_connections_per_address,
                exempt: settings.trusted_proxies.clone(),
                open: Mutex::default(),
            })
        });
        Self { counted }
    }

    /// Counts a connection of this address; `None` if the address is not counted.
    pub(super) fn enter(&self, address: IpAddr) -> Result<Option<Place>, TooMany> {
        let address = address.to_canonical();
        let Some(counted) = &self.counted else { return Ok(None) };
        if counted.exempt.iter().any(|network| network.contains(address)) {
            return Ok(None);
        }
        let address = group(address);
        let mut open = counted.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(address).or_default();
        if *count >= counted.limit {
            return Err(TooMany);
        }
        *count += 1;
        Ok(Some(Place { counted: counted.clone(), address }))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.counted.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.address);
            }
        }
    }
}

/// The addresses that count as one client: a whole /64 network for IPv6.
fn group(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(limit: usize) -> Addresses {
        Addresses::of(&HttpSettings {
            max_connections_per_address: limit,
            trusted_proxies: vec!["10.0.0.1".parse().unwrap()],
            ..HttpSettings::default()
        })
    }

    #[test]
    fn each_address_has_its_own_number_and_gets_it_back() {
        let addresses = addresses(2);
        let enter = |text: &str| addresses.enter(text.parse().unwrap());
        let first = enter("192.0.2.1").unwrap();
        let _second = enter("::ffff:192.0.2.1").unwrap();
        assert_eq!(enter("192.0.2.1").unwrap_err(), TooMany);
        let _other = enter("192.0.2.2").unwrap();
        drop(first);
        enter("192.0.2.1").unwrap();
        let _low = enter("2001:db8::1").unwrap();
        let _high = enter("2001:db8::ffff:ffff:ffff:ffff").unwrap();
        assert_eq!(enter("2001:db8::2").unwrap_err(), TooMany);
        enter("2001:db8:0:1::2").unwrap();
    }

    #[test]
    fn proxies_are_not_counted_and_no_limit_counts_nobody() {
        let proxied = addresses(1);
        let unlimited = addresses(0);
        for addresses in [proxied, unlimited] {
            let places: Vec<_> =
                (0..5).map(|_| addresses.enter("10.0.0.1".parse().unwrap()).unwrap()).collect();
            assert!(places.iter().all(Option::is_none));
        }
    }
}
