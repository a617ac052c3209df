//! Which spelling of a path is the path.

use actix_web::dev::ServiceRequest;
use actix_web::http::Uri;
use actix_web::http::uri::PathAndQuery;

/// A path is served with and without a slash at its end, and in no other spelling: doubled slashes and percent-encoded
/// characters are other paths, so that whatever a proxy in front of us keeps from the outside stays there. Gives `false`
/// for what can be no path of ours.
pub(super) fn forgive_slash(request: &mut ServiceRequest) -> bool {
    let path = request.uri().path();
    // The router would decode it: `/%6detrics` would be `/metrics`.
    if path.contains('%') {
        return false;
    }
    if let Some(trimmed) = path.strip_suffix('/').filter(|trimmed| !trimmed.is_empty()) {
        let Some(uri) = with_path(request.uri(), trimmed) else { return false };
        request.match_info_mut().get_mut().update(&uri);
        request.head_mut().uri = uri;
    }
    true
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

    use super::forgive_slash;

    #[test]
    fn one_slash_at_the_end_is_forgiven_and_nothing_else() {
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
        ] {
            let mut request = TestRequest::with_uri(given).to_srv_request();
            assert_eq!(forgive_slash(&mut request), served.is_some(), "{given}");
            if let Some(served) = served {
                assert_eq!(request.uri().to_string(), served);
                assert_eq!(request.match_info().as_str(), served.split('?').next().unwrap());
            }
        }
    }
}
