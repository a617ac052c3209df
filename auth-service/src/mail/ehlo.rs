//! The name that we give ourselves in SMTP.

use std::net::{Ipv4Addr, Ipv6Addr};

use lettre::transport::smtp::extension::ClientId;
use url::{Host, Url};

/// The argument of EHLO: a domain name, or the literal of an address (RFC 5321 §4.1.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EhloName(ClientId);

/// A text is not the name of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the full name of this host like id.example.com, or an address like [192.0.2.1] or [IPv6:2001:db8::1]"
)]
pub struct InvalidEhloName;

impl EhloName {
    /// Parses the setting.
    pub fn parse(text: &str) -> Result<Self, InvalidEhloName> {
        if let Some(literal) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let client_id = match literal.strip_prefix("IPv6:") {
                Some(address) => address.parse::<Ipv6Addr>().map(ClientId::Ipv6).ok(),
                None => literal.parse::<Ipv4Addr>().map(ClientId::Ipv4).ok(),
            };
            return client_id.map(Self).ok_or(InvalidEhloName);
        }
        let is_name = text.len() <= 253 && text.split('.').all(is_label) && text.parse::<Ipv4Addr>().is_err();
        if is_name { Ok(Self(ClientId::Domain(text.to_owned()))) } else { Err(InvalidEhloName) }
    }

    /// The host of the issuer, without its port.
    pub fn of_issuer(issuer: &str) -> Result<Self, InvalidEhloName> {
        let url = Url::parse(issuer).map_err(|_| InvalidEhloName)?;
        Ok(Self(match url.host().ok_or(InvalidEhloName)? {
            Host::Domain(name) => ClientId::Domain(name.to_owned()),
            Host::Ipv4(address) => ClientId::Ipv4(address),
            Host::Ipv6(address) => ClientId::Ipv6(address),
        }))
    }

    pub(super) fn client_id(&self) -> &ClientId {
        &self.0
    }
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_name_or_the_literal_of_an_address() {
        for text in ["id.example.com", "localhost", "[192.0.2.1]", "[IPv6:2001:db8::1]"] {
            assert_eq!(EhloName::parse(text).unwrap().client_id().to_string(), text);
        }
        for text in [
            "",
            "https://id.example.com",
            "id.example.com:443",
            "192.0.2.1",
            "[x]",
            "a b",
            "a\r\nb",
            "-a.example",
        ] {
            assert!(EhloName::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn by_default_it_is_the_issuers_host_without_the_port() {
        for (issuer, expected) in [
            ("https://id.example.com:8443/id", "id.example.com"),
            ("http://192.0.2.1:8000", "[192.0.2.1]"),
            ("http://[2001:db8::1]:8000", "[IPv6:2001:db8::1]"),
        ] {
            assert_eq!(EhloName::of_issuer(issuer).unwrap().client_id().to_string(), expected);
        }
    }
}
