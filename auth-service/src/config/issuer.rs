//! Checks the setting `issuer`.

use service_kit::config::InvalidSetting;
use service_kit::http::is_loopback_url;
use url::Url;

/// Checks the issuer by RFC 8414 §2: a URL without query and fragment. Plain http is allowed for development and for
/// internal networks. The text must be in normal form already, because `iss` has exactly this text and verifiers
/// compare it byte by byte.
pub(super) fn check(issuer: &str) -> Result<(), InvalidSetting> {
    let is_fine = Url::parse(issuer).is_ok_and(|url| {
        let bare = url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        let canonical = url.as_str() == issuer || url.as_str() == format!("{issuer}/");
        matches!(url.scheme(), "http" | "https") && url.has_host() && bare && canonical
    });
    if is_fine && !issuer.ends_with('/') {
        return Ok(());
    }
    Err(InvalidSetting::new(
        "issuer",
        "an http or https URL in its normal form, without query, fragment, or slash at its end, like \
         https://id.example.com",
    ))
}

/// Returns the host, and the port where the issuer names one: `localhost:8000`.
pub(super) fn host(issuer: &str) -> &str {
    let authority = issuer.split_once("://").map_or(issuer, |(_, rest)| rest);
    authority.split('/').next().unwrap_or_default()
}

/// Returns the path of an issuer that passed the check: `/id`, or an empty text.
pub(super) fn path(issuer: &str) -> &str {
    let authority = issuer.split_once("://").map_or(issuer, |(_, rest)| rest);
    authority.find('/').and_then(|at| authority.get(at..)).unwrap_or_default()
}

/// Whether the issuer is a name or an address of this machine.
pub(super) fn is_local(issuer: &str) -> bool {
    Url::parse(issuer).is_ok_and(|url| is_loopback_url(&url))
}

/// Whether requests to the issuer leave this machine unencrypted.
pub(super) fn is_exposed(issuer: &str) -> bool {
    Url::parse(issuer).is_ok_and(|url| url.scheme() == "http" && !is_loopback_url(&url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_what_follows_the_authority() {
        for (issuer, expected_host, expected) in [
            ("http://localhost:8000", "localhost:8000", ""),
            ("https://a.example/id", "a.example", "/id"),
            ("https://a.example/b/c", "a.example", "/b/c"),
        ] {
            assert_eq!(path(issuer), expected);
            assert_eq!(host(issuer), expected_host);
        }
    }

    #[test]
    fn plain_http_is_exposed_beyond_this_machine() {
        for (issuer, exposed) in [
            ("http://id.example.com", true),
            ("http://10.0.0.1:8000", true),
            ("http://localhost.evil.example", true),
            ("http://localhost:8000", false),
            ("http://127.0.0.1/id", false),
            ("https://id.example.com", false),
        ] {
            assert_eq!(is_exposed(issuer), exposed, "{issuer}");
            assert!(!exposed || !is_local(issuer), "{issuer}");
        }
    }

    #[test]
    fn an_issuer_has_one_spelling() {
        for fine in ["http://localhost:8000", "https://id.example.com", "https://example.com/id"] {
            assert!(check(fine).is_ok(), "{fine}");
        }
        for bad in [
            "",
            "id.example.com",
            "https://id.example.com/",
            "https://id.example.com/?a",
            "https://id.example.com#a",
            "https://ID.example.com",
            "ftp://id.example.com",
            "https://user@id.example.com",
            "https://:secret@id.example.com",
            "https://example.com:443",
            "https:id.example.com",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
