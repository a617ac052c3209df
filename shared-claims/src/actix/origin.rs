//! The origin check for actix-web requests.

use actix_web::HttpRequest;

use super::problem::ProblemResponse;
pub use crate::bearer::InvalidOrigin;
use crate::bearer::OriginCheck;

/// The origins from which a browser may change something with a cookie: the listed ones and the service's own.
///
/// The service's own origin is recognised by the `Host` header, which a web page cannot choose. List the public origin
/// if a proxy rewrites that header.
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
    pub(super) origins: OriginCheck,
}

impl OriginRule {
    /// Allows these origins and the service's own.
    ///
    /// # Errors
    /// [`InvalidOrigin`] names the first string that is not an origin.
    pub fn new<I, S>(allowed: I) -> Result<Self, InvalidOrigin>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<str>,
    {
        Ok(Self { origins: OriginCheck::new(allowed)? })
    }

    /// Accepts a request whose method is safe (RFC 9110 §9.2.1) or that comes from a listed origin or the service's
    /// own.
    ///
    /// # Errors
    /// The 403 response to send.
    pub fn check(&self, request: &HttpRequest) -> Result<(), ProblemResponse> {
        Ok(self.origins.check(request)?)
    }

    /// The check for endpoints that no other site may call with any method, for example a login. A foreign origin is
    /// refused. A request with neither `Origin` nor `Sec-Fetch-Site` is accepted: it does not come from a browser.
    ///
    /// # Errors
    /// The 403 response to send.
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
        Ok(self.origins.check_not_foreign(request)?)
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
        assert!(post(&[host, ("origin", "null"), ("sec-fetch-site", "same-origin")]), "null is none");
    }

    #[test]
    fn everything_else_is_foreign() {
        let host = ("host", "todo.example");
        for origin in [
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
            // A matching `Sec-Fetch-Site` does not make a foreign `Origin` acceptable.
            assert!(!post(&[host, ("origin", origin), ("sec-fetch-site", "same-origin")]), "{origin}");
        }
        assert!(!post(&[host]));
        assert!(!post(&[host, ("origin", "null")]));
        assert!(!post(&[host, ("origin", "null"), ("sec-fetch-site", "cross-site")]));
        assert!(!post(&[host, ("origin", "null"), ("origin", "null"), ("sec-fetch-site", "same-origin")]));
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
        assert!(rule.check_not_foreign(&request(&[("origin", "null")])).is_ok(), "null is none");
        let sandboxed = request(&[("origin", "null"), ("sec-fetch-site", "cross-site")]);
        assert!(rule.check_not_foreign(&sandboxed).is_err());
    }

    #[test]
    fn a_list_with_something_else_in_it_is_refused() {
        for bad in ["*", "null", "https://app.example/", "app.example", "https://*.example"] {
            assert_eq!(OriginRule::new([bad]).err(), Some(InvalidOrigin(bad.to_owned())));
        }
    }
}
