//! Parses an origin.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    Https,
}

/// Scheme, host and port (RFC 6454 §4). A default port is filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) scheme: Scheme,
    host: String,
    port: u16,
}

impl Origin {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let scheme = match scheme {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return None,
        };
        Self::parse_host(scheme, rest)
    }

    pub(super) fn parse_host(scheme: Scheme, text: &str) -> Option<Self> {
        // An IPv6 address contains colons itself, inside brackets.
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
                (host, digits.then(|| port.parse().ok())??)
            }
            _ => (text, if scheme == Scheme::Https { 443 } else { 80 }),
        };
        let name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        let address = |byte: u8| byte.is_ascii_hexdigit() || b":.".contains(&byte);
        let well_formed = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(inside) => !inside.is_empty() && inside.bytes().all(address),
            None => !host.is_empty() && host.bytes().all(name),
        };
        well_formed.then(|| Self { scheme, host: host.to_ascii_lowercase(), port })
    }
}
