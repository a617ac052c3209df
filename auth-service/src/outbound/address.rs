//! Which addresses the service may connect to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use service_kit::http::Network;

/// The rule for addresses: globally reachable ones, and those that the operator allows.
#[derive(Clone, Debug)]
pub(super) struct AddressRule {
    pub(super) allowed_networks: Vec<Network>,
}

impl AddressRule {
    /// Whether the service may connect to the address.
    pub(super) fn allows(&self, address: IpAddr) -> bool {
        is_global(address) || self.allowed_networks.iter().any(|network| network.contains(address))
    }
}

/// Whether the address is globally reachable by the IANA registries of special-purpose addresses (RFC 6890). Where the
/// registries know an exception inside a block that is not, the whole block counts as not reachable.
fn is_global(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_global_v4(address),
        IpAddr::V6(address) => is_global_v6(address),
    }
}

/// The blocks of IPv4 addresses that are not globally reachable, each with the length of its prefix.
const SPECIAL_V4: [([u8; 4], u32); 16] = [
    // This network.
    ([0, 0, 0, 0], 8),
    // Private networks.
    ([10, 0, 0, 0], 8),
    ([172, 16, 0, 0], 12),
    ([192, 168, 0, 0], 16),
    // Addresses that providers share among their customers (RFC 6598).
    ([100, 64, 0, 0], 10),
    // Loopback.
    ([127, 0, 0, 0], 8),
    // Link-local: the metadata services of clouds are here.
    ([169, 254, 0, 0], 16),
    // IETF protocol assignments.
    ([192, 0, 0, 0], 24),
    // Documentation.
    ([192, 0, 2, 0], 24),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    // Relays of 6to4.
    ([192, 88, 99, 0], 24),
    // Benchmarks.
    ([198, 18, 0, 0], 15),
    // Multicast.
    ([224, 0, 0, 0], 4),
    // Reserved, and broadcast.
    ([240, 0, 0, 0], 4),
    ([255, 255, 255, 255], 32),
];

fn is_global_v4(address: Ipv4Addr) -> bool {
    let bits = address.to_bits();
    !SPECIAL_V4.iter().any(|(block, length)| (bits ^ u32::from_be_bytes(*block)) >> (32 - length) == 0)
}

fn is_global_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        // NAT64 (RFC 6052): the address of an IPv4 host.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            is_global_v4(Ipv4Addr::new(a, b, c, d))
        }
        // IETF protocol assignments (such as Teredo and benchmarks), documentation, and 6to4, which embeds an IPv4 address
        // and is out of use.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // Everything outside 2000::/3 is something else: loopback, private (fc00::/7), link-local, multicast, unassigned.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(networks: &[&str], address: &str) -> bool {
        let allowed_networks = networks.iter().map(|network| network.parse().unwrap()).collect();
        AddressRule { allowed_networks }.allows(address.parse().unwrap())
    }

    #[test]
    fn only_global_addresses_are_allowed() {
        for global in [
            "1.1.1.1",
            "93.184.215.14",
            "100.63.0.1",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.17.0.1",
            "223.255.255.254",
            "2606:4700:4700::1111",
            "2a00:1450::1",
            "2001:4860:4860::8888",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
        ] {
            assert!(allows(&[], global), "{global}");
        }
        for special in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.0.170",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:0:7f00:1",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2001:2::1",
            "2001:10::1",
            "2002:7f00:1::",
            "2002:101:101::",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "4000::1",
        ] {
            assert!(!allows(&[], special), "{special}");
        }
    }

    #[test]
    fn an_operator_allows_networks() {
        assert!(allows(&["10.1.0.0/16"], "10.1.2.3"));
        assert!(allows(&["10.1.0.0/16"], "::ffff:10.1.2.3"));
        assert!(!allows(&["10.1.0.0/16"], "10.2.0.1"));
        assert!(
            !allows(&["10.0.0.0/8"], "64:ff9b::a00:1"),
            "embedded addresses are allowed by no other name"
        );
        assert!(allows(&["127.0.0.0/8", "::1"], "::1"));
    }
}
