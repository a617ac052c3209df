//! Whether a request that a cookie authenticates may change something: it must come from a page of ours.

use actix_web::HttpRequest;
use actix_web::http::header::{HOST, HeaderMap, HeaderName, ORIGIN};

use super::problem::ProblemResponse;

/// A string that is no origin.
///
/// ```
/// use shared_claims::actix::{InvalidOrigin, OriginRule};
///
/// assert_eq!(OriginRule::new(["*"]).err(), Some(InvalidOrigin("*".to_owned())));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an origin is scheme://host[:port] with http or https, without a path: not {0:?}")]
pub struct InvalidOrigin(pub String);

/// The origins from which a browser may change something with a cookie: the listed ones and our own.
///
/// Our own is recognised by the `Host` header, which no page can choose. Where a proxy rewrites it, list the public
/// origin.
///
/// ```
/// use actix_web::test::TestRequest;
/// use shared_claims::actix::OriginRule;
///
/// let rule = OriginRule::new(["https://app.example"])?;
/// let post = |origin| TestRequest::post().insert_header(("Origin", origin)).to_http_request();
/// assert!(rule.check(&post("https://app.example")).is_ok());
/// assert!(rule.check(&post("https://evil.example")).is_err());
/// # Ok::<(), shared_claims::actix::InvalidOrigin>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct OriginRule {
    allowed: Vec<Origin>,
}

impl OriginRule {
    /// A rule that allows these and our own.
    ///
    /// # Errors
    /// [`InvalidOrigin`] names the first that is none.
    pub fn new<I, S>(allowed: I) -> Result<Self, InvalidOrigin>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<str>,
    {
        let parse = |origin: S| {
            Origin::parse(origin.as_ref()).ok_or_else(|| InvalidOrigin(origin.as_ref().to_owned()))
        };
        Ok(Self { allowed: allowed.into_iter().map(parse).collect::<Result<_, _>>()? })
    }

    /// Lets pass what changes nothing, and what comes from a listed origin or our own.
    ///
    /// # Errors
    /// The 403 to answer with.
    pub fn check(&self, request: &HttpRequest) -> Result<(), ProblemResponse> {
        if request.method().is_safe() || self.is_same_site(request) {
            Ok(())
        } else {
            Err(ProblemResponse::foreign_origin())
        }
    }

    /// The same for endpoints that must not be reached from elsewhere whatever the method, a login above all: a
    /// request that says nothing of where it comes from (no browser does that) passes, a foreign one does not.
    ///
    /// # Errors
    /// The 403 to answer with.
    ///
    /// ```
    /// use actix_web::test::TestRequest;
    /// use shared_claims::actix::OriginRule;
    ///
    /// let rule = OriginRule::default();
    /// assert!(rule.check_not_foreign(&TestRequest::post().to_http_request()).is_ok());
    /// let foreign = TestRequest::post().insert_header(("Origin", "https://evil.example"));
    /// assert!(rule.check_not_foreign(&foreign.to_http_request()).is_err());
    /// ```
    pub fn check_not_foreign(&self, request: &HttpRequest) -> Result<(), ProblemResponse> {
        let says_nothing =
            !request.headers().contains_key(ORIGIN) && !request.headers().contains_key(SEC_FETCH_SITE);
        if says_nothing || self.is_same_site(request) {
            Ok(())
        } else {
            Err(ProblemResponse::foreign_origin())
        }
    }

    fn is_same_site(&self, request: &HttpRequest) -> bool {
        let headers = request.headers();
        if headers.contains_key(ORIGIN) {
            let Some(origin) = only(headers, ORIGIN).and_then(Origin::parse) else { return false };
            return self.allowed.contains(&origin) || is_own(&origin, request);
        }
        only(headers, SEC_FETCH_SITE) == Some("same-origin")
    }
}

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The value of a header that is there once.
fn only(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name);
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// An origin on the host that was asked for. A page that was loaded in the clear is not our own where we are reached
/// over TLS; the other way round happens behind a proxy that ends TLS and does not say so.
fn is_own(origin: &Origin, request: &HttpRequest) -> bool {
    let host = match only(request.headers(), HOST) {
        Some(host) => host,
        // HTTP/2 has the authority in the target.
        None => match request.uri().authority() {
            Some(authority) => authority.as_str(),
            None => return false,
        },
    };
    let own = Origin::parse_host(origin.scheme, host);
    own.as_ref() == Some(origin)
        && (origin.scheme == Scheme::Https || request.connection_info().scheme() == "http")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

/// Scheme, host and port (RFC 6454 §4), the port always spelt out.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    scheme: Scheme,
    host: String,
    port: u16,
}

impl Origin {
    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let scheme = match scheme {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return None,
        };
        Self::parse_host(scheme, rest)
    }

    fn parse_host(scheme: Scheme, text: &str) -> Option<Self> {
        // An IPv6 address has colons of its own, inside brackets.
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

#[cfg(test)]
mod tests {
    use actix_web::http::Method;
    use actix_web::test::TestRequest;

    use super::*;

    fn passes(method: Method, headers: &[(&'static str, &'static str)]) -> bool {
        let rule = OriginRule::new(["https://app.example", "http://localhost:5173"]).unwrap();
        let request = headers
            .iter()
            .fold(TestRequest::default().method(method), |request, header| request.append_header(*header));
        rule.check(&request.to_http_request()).is_ok()
    }

    fn post(headers: &[(&'static str, &'static str)]) -> bool {
        passes(Method::POST, headers)
    }

    #[test]
    fn listed_origins_and_our_own_pass() {
        let host = ("host", "todo.example");
        assert!(post(&[host, ("origin", "https://app.example")]));
        assert!(post(&[host, ("origin", "https://app.example:443")]));
        assert!(post(&[host, ("origin", "http://localhost:5173")]));
        assert!(post(&[host, ("origin", "http://todo.example")]));
        assert!(post(&[host, ("origin", "https://todo.example")]));
        assert!(post(&[("host", "127.0.0.1:8001"), ("origin", "http://127.0.0.1:8001")]));
        assert!(post(&[("host", "[::1]:8001"), ("origin", "http://[::1]:8001")]));
        assert!(post(&[("host", "[::1]"), ("origin", "http://[::1]")]));
        assert!(post(&[host, ("sec-fetch-site", "same-origin")]));
    }

    #[test]
    fn everything_else_is_foreign() {
        let host = ("host", "todo.example");
        for origin in [
            "null",
            "",
            "https://evil.example",
            "https://todo.example.evil",
            "https://eviltodo.example",
            "https://todo.example@evil.example",
            "https://todo.example:444",
            "https://todo.example/",
            "https://app.example.",
            "http://app.example",
            "https://app.example evil",
            "file://todo.example",
            "todo.example",
            "https://",
            "https://todo.example:",
            "https://todo.example\\",
        ] {
            assert!(!post(&[host, ("origin", origin)]), "{origin}");
            // The other header does not save it.
            assert!(!post(&[host, ("origin", origin), ("sec-fetch-site", "same-origin")]), "{origin}");
        }
        assert!(!post(&[host]));
        assert!(!post(&[host, ("sec-fetch-site", "same-site")]));
        assert!(!post(&[host, ("sec-fetch-site", "none")]));
        assert!(!post(&[host, ("origin", "https://app.example"), ("origin", "https://app.example")]));
        assert!(!post(&[host, ("x-forwarded-host", "evil.example"), ("origin", "https://evil.example")]));
    }

    #[test]
    fn a_page_in_the_clear_is_foreign_to_a_service_behind_tls() {
        let tls = ("x-forwarded-proto", "https");
        assert!(!post(&[("host", "todo.example"), tls, ("origin", "http://todo.example")]));
        assert!(post(&[("host", "todo.example"), tls, ("origin", "https://todo.example")]));
    }

    #[test]
    fn reading_needs_no_origin() {
        for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
            assert!(passes(method, &[("origin", "https://evil.example")]));
        }
        for method in [Method::PUT, Method::DELETE, Method::PATCH] {
            assert!(!passes(method, &[("origin", "https://evil.example")]));
        }
    }

    #[test]
    fn a_login_may_come_from_no_browser_at_all() {
        let rule = OriginRule::default();
        let request = |headers: &[(&'static str, &'static str)]| {
            headers
                .iter()
                .fold(TestRequest::post(), |request, header| request.append_header(*header))
                .to_http_request()
        };
        assert!(rule.check_not_foreign(&request(&[])).is_ok());
        assert!(rule.check_not_foreign(&request(&[("origin", "https://evil.example")])).is_err());
        assert!(rule.check_not_foreign(&request(&[("sec-fetch-site", "cross-site")])).is_err());
    }

    #[test]
    fn a_list_with_something_else_in_it_is_refused() {
        for bad in ["*", "null", "https://app.example/", "app.example", "https://*.example"] {
            assert_eq!(OriginRule::new([bad]).err(), Some(InvalidOrigin(bad.to_owned())));
        }
    }
}
