//! Redirect URIs of clients (RFC 6749 §3.1.2), compared as text (RFC 9700 §2.1).

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

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> RedirectUri {
        RedirectUri::parse(text).unwrap()
    }

    #[test]
    fn what_apps_use_is_taken() {
        for good in [
            "https://app.example/callback",
            "https://app.example",
            "https://app.example:8443/cb?tenant=1",
            "https://app.example/@team/cb",
            "https://app.example/cb?for=a@b.example",
            "http://localhost:3000/cb",
            "http://127.0.0.1/cb",
            "http://[::1]:8080/cb",
            "com.example.app:/oauth2redirect",
            "com.Example.App:/cb",
            "myapp://cb",
            "myapp:cb",
            "MyApp:/cb",
        ] {
            assert_eq!(RedirectUri::parse(good).map(|uri| uri.0), Ok(good.to_owned()));
        }
    }

    #[test]
    fn pages_of_a_uri_are_known_by_their_origin_and_on_loopback_by_any_port() {
        let is_of =
            |registered: &str, origin: &str| uri(registered).origin() == RedirectOrigin::parse(origin);
        for (registered, origin) in [
            ("https://app.example/callback?a=1", "https://app.example"),
            ("https://app.example:8443/cb", "https://app.example:8443"),
            ("http://localhost:3000/cb", "http://localhost:3000"),
            ("http://localhost:3000/cb", "http://localhost:3001"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:50123"),
            ("http://127.0.0.1:4000/cb", "http://127.0.0.1"),
            ("http://[::1]:8080/cb", "http://[::1]:9"),
        ] {
            assert!(is_of(registered, origin), "{registered} {origin}");
        }
        for (registered, origin) in [
            ("https://app.example/callback", "http://app.example"),
            ("https://app.example/callback", "https://app.example:8443"),
            ("https://app.example/callback", "https://app.example.evil.example"),
            ("https://app.example/callback", "null"),
            ("http://127.0.0.1/cb", "https://127.0.0.1:50123"),
            ("http://127.0.0.1/cb", "http://127.0.0.1.evil.example"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:1/"),
        ] {
            assert!(!is_of(registered, origin), "{registered} {origin}");
        }
        assert_eq!(uri("com.example.app:/oauth2redirect").origin(), None);
    }

    /// B11, at registration.
    #[test]
    fn what_could_lead_elsewhere_is_refused() {
        for bad in [
            "",
            "/callback",
            "app.example/callback",
            "https://app.example/cb#fragment",
            "https://good.example@evil.example/cb",
            "https://@app.example/cb",
            "https://app.example@/cb",
            "https://user:secret@app.example/cb",
            "https://app.example/a/../cb",
            "https://app.example/%2e%2e/cb",
            "https://app.example\\@evil.example/cb",
            "https://app.example/\tcb",
            "https://app.example/c b",
            "https://APP.example/cb",
            "https://app.example:443/cb",
            "http://app.example/cb",
            "http://localhost.evil/cb",
            "http://127.0.0.1.evil/cb",
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "JavaScript:alert(1)",
            "blob:https://app.example/1",
            "about:blank",
            "vbscript:x",
            "intent://x",
            "tel:+123",
            "sms:+123",
            "mailto:a@b.example",
            "view-source:https://app.example/cb",
            "ms-settings:x",
            "https://app.example/cb?code=1",
            "https://app.example/cb?a=1&st%61te=2",
            "com.example.app:/cb?error=1",
            "https://app.example/cb?iss=x",
            "https:app.example/cb",
            "https:///cb",
        ] {
            assert!(RedirectUri::parse(bad).is_err(), "{bad:?}");
        }
        assert!(RedirectUri::parse(&format!("https://app.example/{}", "x".repeat(2000))).is_err());
    }

    /// B11, in a request.
    #[test]
    fn only_the_very_same_text_is_allowed() {
        let own = uri("https://app.example/cb");
        assert!(own.allows("https://app.example/cb"));
        for other in [
            "https://app.example/cb/",
            "https://app.example/cb2",
            "https://app.example/c",
            "https://app.example/cb?x=1",
            "https://app.example/cb#f",
            "https://app.example/a/../cb",
            "https://app.example/%63b",
            "https://app.example/CB",
            "https://App.example/cb",
            "HTTPS://app.example/cb",
            "https://app.example:443/cb",
            "http://app.example/cb",
            "https://app.example@evil.example/cb",
            "https://app.example\\evil/cb",
            "https://app.example/cb\t",
            " https://app.example/cb",
            "https://app.example.evil/cb",
            "javascript:alert(1)",
            "",
        ] {
            assert!(!own.allows(other), "{other:?}");
        }
    }

    #[test]
    fn a_loopback_address_may_change_its_port_and_nothing_else() {
        for own in ["http://127.0.0.1/cb", "http://127.0.0.1:1234/cb"] {
            let own = uri(own);
            for same in ["http://127.0.0.1/cb", "http://127.0.0.1:1/cb", "http://127.0.0.1:65535/cb"] {
                assert!(own.allows(same), "{same}");
            }
            for other in [
                "http://127.0.0.1:65536/cb",
                "http://127.0.0.1:0/cb",
                "http://127.0.0.1:/cb",
                "http://127.0.0.1:080/cb",
                "http://127.0.0.1:1/cb/",
                "http://127.0.0.1:1/other",
                "http://127.0.0.1:1@evil.example/cb",
                "http://127.0.0.1:1.evil.example/cb",
                "http://127.0.0.1.evil.example/cb",
                "http://127.0.0.2:1/cb",
                "https://127.0.0.1:1/cb",
                "http://[::1]:1/cb",
                "http://localhost:1/cb",
            ] {
                assert!(!own.allows(other), "{other}");
            }
        }
        assert!(uri("http://[::1]/cb").allows("http://[::1]:9/cb"));
        assert!(uri("http://localhost:3000/cb").allows("http://localhost:3001/cb"));
        for other in ["http://localhost.evil:1/cb", "http://localhostevil/cb", "http://127.0.0.1:1/cb"] {
            assert!(!uri("http://localhost:3000/cb").allows(other), "{other}");
        }
    }

    #[test]
    fn what_stays_on_the_device_is_told_apart() {
        for (asked, expected) in [
            ("http://127.0.0.1:5000/cb", true),
            ("http://[::1]/cb", true),
            ("http://localhost:1/cb", true),
            ("com.example.app:/cb", true),
            ("myapp://app.example/cb", true),
            ("https://app.example/cb", false),
            ("https://localhost.example/cb", false),
        ] {
            assert_eq!(RedirectUri::is_on_device(asked), expected, "{asked}");
        }
    }
}
