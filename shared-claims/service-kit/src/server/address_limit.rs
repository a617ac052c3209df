//! Limits the connections of each IP address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use crate::http::{HttpSettings, Network};

/// Counts the connections of each address, for all workers together. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct AddressLimit {
    /// `None` if there is no limit.
    counts: Option<Arc<AddressCounts>>,
}

#[derive(Debug)]
struct AddressCounts {
    limit: usize,
    exempt: Vec<Network>,
    open: Mutex<HashMap<IpAddr, usize>>,
}

/// A connection of an address, counted until it is dropped.
#[derive(Debug)]
pub(super) struct AddressSlot {
    counts: Arc<AddressCounts>,
    address: IpAddr,
}

/// The error when an address has reached its limit of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooManyConnections;

impl AddressLimit {
    pub(super) fn of(settings: &HttpSettings) -> Self {
        let counts = (settings.max_connections_per_address > 0).then(|| {
            Arc::new(AddressCounts {
                limit: settings.max_connections_per_address,
                exempt: settings.trusted_proxies.clone(),
                open: Mutex::default(),
            })
        });
        Self { counts }
    }

    /// Counts a connection of this address; `None` if the address is not counted.
    pub(super) fn acquire(&self, address: IpAddr) -> Result<Option<AddressSlot>, TooManyConnections> {
        let address = address.to_canonical();
        let Some(counts) = &self.counts else { return Ok(None) };
        if counts.exempt.iter().any(|network| network.contains(address)) {
            return Ok(None);
        }
        let address = group(address);
        let mut open = counts.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(address).or_default();
        if *count >= counts.limit {
            return Err(TooManyConnections);
        }
        *count += 1;
        Ok(Some(AddressSlot { counts: counts.clone(), address }))
    }
}

impl Drop for AddressSlot {
    fn drop(&mut self) {
        let mut open = self.counts.open.lock().unwrap_or_else(PoisonError::into_inner);
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

    fn addresses(limit: usize) -> AddressLimit {
        AddressLimit::of(&HttpSettings {
            max_connections_per_address: limit,
            trusted_proxies: vec!["10.0.0.1".parse().unwrap()],
            ..HttpSettings::default()
        })
    }

    #[test]
    fn each_address_has_its_own_limit_and_a_closed_connection_frees_a_slot() {
        let addresses = addresses(2);
        let acquire = |text: &str| addresses.acquire(text.parse().unwrap());
        let first = acquire("192.0.2.1").unwrap();
        let _second = acquire("::ffff:192.0.2.1").unwrap();
        assert_eq!(acquire("192.0.2.1").unwrap_err(), TooManyConnections);
        let _other = acquire("192.0.2.2").unwrap();
        drop(first);
        acquire("192.0.2.1").unwrap();
        let _low = acquire("2001:db8::1").unwrap();
        let _high = acquire("2001:db8::ffff:ffff:ffff:ffff").unwrap();
        assert_eq!(acquire("2001:db8::2").unwrap_err(), TooManyConnections);
        acquire("2001:db8:0:1::2").unwrap();
    }

    #[test]
    fn proxies_are_not_limited_and_zero_is_no_limit() {
        let proxied = addresses(1);
        let unlimited = addresses(0);
        for addresses in [proxied, unlimited] {
            let slots: Vec<_> =
                (0..5).map(|_| addresses.acquire("10.0.0.1".parse().unwrap()).unwrap()).collect();
            assert!(slots.iter().all(Option::is_none));
        }
    }
}
