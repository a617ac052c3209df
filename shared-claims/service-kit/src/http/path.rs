//! Normalises the path of a request.

use std::future::{Ready, ready};
use std::ops::Deref;
use std::sync::Arc;

use actix_web::dev::{Payload, ServiceRequest};
use actix_web::http::Uri;
use actix_web::http::uri::PathAndQuery;
use actix_web::{FromRequest, HttpMessage, HttpRequest};

use super::HttpError;

/// The base path under which callers reach the service, for example `/id`; empty if there is none. Used for URLs in
/// responses. An extractor.
#[derive(Clone, Debug)]
pub struct BasePath(pub(super) Arc<str>);

impl Deref for BasePath {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl FromRequest for BasePath {
    type Error = HttpError;
    type Future = Ready<Result<Self, HttpError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let found = request.app_data::<Self>().cloned();
        ready(found.ok_or_else(|| HttpError::internal("no base path: the route is outside of http::app")))
    }
}

/// Whether a setting is a valid base path: a normalised URL path that does not end in a slash.
pub fn is_base_path(text: &str) -> bool {
    text.is_empty()
        || (!text.ends_with('/')
            && !text.contains("//")
            && url::Url::parse(&format!("http://localhost{text}")).is_ok_and(|url| url.path() == text))
}

/// Marks a request whose path ended in a slash, which was removed. Needed by pages with relative links.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HadTrailingSlash;

/// Changes the request's path to the one under which its route is registered: without the base path (which a proxy may
/// have removed or left) and without one slash at the end. No other spelling is accepted. Paths with double slashes or
/// needlessly encoded characters are different paths, so that a proxy's rule against a path cannot be bypassed. Returns
/// `false` for a path that no route can have.
pub(super) fn normalize_path(request: &mut ServiceRequest, base_path: &str) -> bool {
    let given = request.uri().path();
    let (trimmed, had_slash) = match given.strip_suffix('/').filter(|trimmed| !trimmed.is_empty()) {
        Some(trimmed) => (trimmed, true),
        None => (given, false),
    };
    let path = strip_base_path(trimmed, base_path, |path| request.resource_map().has_resource(path));
    if has_needless_escape(path) {
        return false;
    }
    if path.len() < given.len() {
        let Some(uri) = with_path(request.uri(), path) else { return false };
        request.match_info_mut().get_mut().update(&uri);
        request.head_mut().uri = uri;
    }
    if had_slash {
        request.extensions_mut().insert(HadTrailingSlash);
    }
    true
}

/// Whether a character is percent-encoded without need. The router would decode it, so that `/%6detrics` became
/// `/metrics`. Values in a path (for example an id) may contain other encoded characters.
fn has_needless_escape(path: &str) -> bool {
    path.split('%').skip(1).any(|rest| {
        let byte = rest.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        byte.is_none_or(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
    })
}

/// Removes the base path, unless the path is a route as it is. With the base path `/auth`, a proxy that removes it
/// requests `/auth/login`, and one that leaves it requests `/auth/auth/login`.
fn strip_base_path<'a>(path: &'a str, base_path: &str, is_route: impl Fn(&str) -> bool) -> &'a str {
    match path.strip_prefix(base_path) {
        _ if base_path.is_empty() => path,
        Some("") if !is_route(path) => "/",
        Some(rest) if rest.starts_with('/') && !is_route(path) => rest,
        _ => path,
    }
}

fn with_path(uri: &Uri, path: &str) -> Option<Uri> {
    let mut parts = uri.clone().into_parts();
    let path_and_query = match uri.query() {
        Some(query) => PathAndQuery::try_from(format!("{path}?{query}")),
        None => PathAndQuery::try_from(path),
    };
    parts.path_and_query = Some(path_and_query.ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::{is_base_path, normalize_path, strip_base_path};

    #[test]
    fn one_slash_at_the_end_is_removed_and_nothing_else() {
        for (given, served) in [
            ("/todos", Some("/todos")),
            ("/todos/", Some("/todos")),
            ("/todos/?limit=2", Some("/todos?limit=2")),
            ("/", Some("/")),
            ("/todos//", Some("/todos/")),
            ("//todos", Some("//todos")),
            ("//", Some("/")),
            ("/%6detrics", None),
            ("/todos/%61", None),
            ("/todos/%2d", None),
            ("/todos/%", None),
            ("/todos/%zz", None),
            ("/clients/a%2Fb", Some("/clients/a%2Fb")),
        ] {
            let mut request = TestRequest::with_uri(given).to_srv_request();
            assert_eq!(normalize_path(&mut request, ""), served.is_some(), "{given}");
            if let Some(served) = served {
                assert_eq!(request.uri().to_string(), served);
                assert_eq!(request.match_info().as_str(), served.split('?').next().unwrap());
            }
        }
    }

    #[test]
    fn the_base_path_is_removed_unless_the_path_is_a_route() {
        let is_route = |path: &str| ["/auth/login", "/docs", "/"].contains(&path);
        for (base, given, served) in [
            ("", "/id/docs", "/id/docs"),
            ("/id", "/id/docs", "/docs"),
            ("/id", "/id", "/"),
            ("/id", "/idea/docs", "/idea/docs"),
            ("/id", "/docs", "/docs"),
            ("/auth", "/auth/login", "/auth/login"),
            ("/auth", "/auth/auth/login", "/auth/login"),
            ("/auth", "/auth/docs", "/docs"),
        ] {
            assert_eq!(strip_base_path(given, base, is_route), served, "{given} below {base}");
        }
        for (text, is_fine) in [
            ("", true),
            ("/api", true),
            ("/a/b", true),
            ("api", false),
            ("/", false),
            ("/a//b", false),
            ("/a?b", false),
        ] {
            assert_eq!(is_base_path(text), is_fine, "{text}");
        }
    }
}
