//! Redirect URIs of clients (RFC 6749 §3.1.2), compared as text (RFC 9700 §2.1).

#[cfg(test)]
mod tests;

use std::net::IpAddr;

use url::{Host, Url};

const MAX_LENGTH: usize = 2000;

/// A redirect URI of a client. Two URIs are the same only if their texts are equal, except for the port of a loopback
/// address (RFC 8252 §7.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedirectUri(String);

/// An origin as browsers send it, but without the port of a loopback address. The operating system chooses that port
/// anew for each start of a native application (RFC 8252 §7.3).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RedirectOrigin(String);

impl RedirectOrigin {
    /// Parses an origin of http or https.
    pub fn parse(origin: &str) -> Option<Self> {
        if !origin.starts_with("http://") && !origin.starts_with("https://") {
            return None;
        }
        let without_port = loopback_without_port(origin).filter(|(_, path)| path.is_empty());
        Some(Self(without_port.map_or(origin, |(host, _)| host).to_owned()))
    }
}

/// Why a text is not a redirect URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRedirectUri {
    /// It is not an absolute URI in its normal form.
    #[error("must be an absolute URI as a browser would write it, of at most {MAX_LENGTH} characters")]
    Shape,
    /// A redirect URI must not have a fragment (RFC 6749 §3.1.2).
    #[error("must have no fragment")]
    Fragment,
    /// User information before the host could mislead a person who reads the URI.
    #[error("must have no user name and no password")]
    Userinfo,
    /// Codes would be sent unencrypted.
    #[error("must use https; http is for loopback addresses (127.0.0.1, [::1], localhost) alone")]
    Insecure,
    /// Browsers run such a URI, or open another program with it, instead of handing it to the client.
    #[error("must use https, or a scheme of the client's own: browsers handle this scheme themselves")]
    Scheme,
    /// The query has a parameter that the answer adds.
    #[error("must have no parameter code, state, error or iss in its query: the answer adds them")]
    AnswerParameter,
}

/// Schemes that belong to browsers and operating systems, in lower case.
const FOREIGN_SCHEMES: [&str; 11] = [
    "javascript",
    "data",
    "file",
    "blob",
    "about",
    "vbscript",
    "intent",
    "tel",
    "sms",
    "mailto",
    "view-source",
];

/// The parameters of an answer that a registered query must not have.
const ANSWER_PARAMETERS: [&str; 4] = ["code", "state", "error", "iss"];

impl RedirectUri {
    /// Parses a redirect URI to register.
    pub fn parse(text: &str) -> Result<Self, InvalidRedirectUri> {
        if text.len() > MAX_LENGTH || !text.bytes().all(|byte| byte.is_ascii_graphic()) || text.contains('\\')
        {
            return Err(InvalidRedirectUri::Shape);
        }
        let url = Url::parse(text).map_err(|_| InvalidRedirectUri::Shape)?;
        if url.fragment().is_some() {
            return Err(InvalidRedirectUri::Fragment);
        }
        match url.scheme() {
            "https" | "http" => {
                if !url.username().is_empty() || url.password().is_some() || authority(text).contains('@') {
                    return Err(InvalidRedirectUri::Userinfo);
                }
                // A URI that a browser would write differently (dots in the path, a default port, capitals in the
                // host) would never match a request as it is written. Only the path may be left out.
                let normal = url.as_str();
                if normal != text && normal.strip_suffix('/') != Some(text) {
                    return Err(InvalidRedirectUri::Shape);
                }
                if url.scheme() == "http" && !is_loopback(&url) {
                    return Err(InvalidRedirectUri::Insecure);
                }
            }
            // The parser has the scheme in lower case.
            scheme if FOREIGN_SCHEMES.contains(&scheme) || scheme.starts_with("ms-") => {
                return Err(InvalidRedirectUri::Scheme);
            }
            _ => {}
        }
        if url.query_pairs().any(|(name, _)| ANSWER_PARAMETERS.contains(&name.as_ref())) {
            return Err(InvalidRedirectUri::AnswerParameter);
        }
        Ok(Self(text.to_owned()))
    }

    /// Reads a URI that was registered before, perhaps under rules that have become stricter since.
    pub fn registered(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Whether only a program on the person's own device receives what is sent to this URI: a loopback address, or a
    /// scheme of the program's own (RFC 8252 §7).
    pub fn is_on_device(asked: &str) -> bool {
        match Url::parse(asked) {
            Ok(url) => !matches!(url.scheme(), "http" | "https") || is_loopback(&url),
            Err(_) => true,
        }
    }

    /// The URI as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a client with this redirect URI may be redirected to `asked`.
    pub fn allows(&self, asked: &str) -> bool {
        self.0 == asked || self.without_port().is_some_and(|own| Some(own) == loopback_without_port(asked))
    }

    /// The origin of its pages; `None` for a private-use scheme, which has no web pages.
    pub fn origin(&self) -> Option<RedirectOrigin> {
        let url = Url::parse(&self.0).ok()?;
        RedirectOrigin::parse(&url.origin().ascii_serialization())
    }

    fn without_port(&self) -> Option<(&str, &str)> {
        loopback_without_port(&self.0)
    }
}

/// The authority part of a URI as it is written. It is cut from the text because a parser leaves out an empty user
/// name.
fn authority(text: &str) -> &str {
    let rest = text.split_once("//").map_or(text, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

/// Splits `http://127.0.0.1:port/path` (or `[::1]`, or `localhost`, which many tools register) into the parts before and after the port. It is cut from the text itself,
/// because a parser normalises and would make different texts equal.
fn loopback_without_port(text: &str) -> Option<(&str, &str)> {
    let (host, rest) = ["http://127.0.0.1", "http://[::1]", "http://localhost"]
        .into_iter()
        .find_map(|host| text.strip_prefix(host).map(|rest| (host, rest)))?;
    let Some(after) = rest.strip_prefix(':') else {
        return rest
            .is_empty()
            .then_some((host, rest))
            .or_else(|| rest.starts_with('/').then_some((host, rest)));
    };
    let digits = after.bytes().take_while(u8::is_ascii_digit).count();
    let (port, rest) = after.split_at_checked(digits)?;
    let is_port = port.parse::<u16>().is_ok_and(|port| port != 0) && !port.starts_with('0');
    (is_port && (rest.is_empty() || rest.starts_with('/'))).then_some((host, rest))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}
