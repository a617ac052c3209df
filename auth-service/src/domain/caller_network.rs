//! The network that a caller belongs to: what one caller can own of the address space, for limits and fair turns.

use std::net::{IpAddr, Ipv6Addr};

/// An IPv4 address, or the first 64 bits of an IPv6 address: whoever has one address of such a network usually has all of
/// it (RFC 4291, section 2.5.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CallerNetwork {
    /// The address is unknown: an operator at the command line, or the service itself.
    #[default]
    Unknown,
    /// An address, or the first address of a /64.
    Known(IpAddr),
}

impl CallerNetwork {
    /// The network of an address in text form. An IPv4-mapped IPv6 address counts as IPv4.
    pub fn of(address: Option<&str>) -> Self {
        let Some(address) = address.and_then(|text| text.parse::<IpAddr>().ok()) else {
            return Self::Unknown;
        };
        Self::Known(match address.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_network_is_a_64_and_a_mapped_address_is_ipv4() {
        let of = |text| CallerNetwork::of(Some(text));
        assert_eq!(of("2001:db8::1"), of("2001:db8:0:0:ffff::2"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        for unknown in [None, Some(""), Some("example.org"), Some("192.0.2.1:80")] {
            assert_eq!(CallerNetwork::of(unknown), CallerNetwork::Unknown);
        }
    }
}
