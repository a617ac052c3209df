//! The rule for `issuer`.

use service_kit::config::InvalidSetting;
use url::Url;

/// RFC 8414 §2: a URL without query and fragment; plain http is for development and for inside. Written as `iss` has
/// it, so nothing may be left for somebody to normalise.
pub(super) fn check(issuer: &str) -> Result<(), InvalidSetting> {
    let is_fine = Url::parse(issuer).is_ok_and(|url| {
        let bare = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
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

#[cfg(test)]
mod tests {
    use super::*;

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
            "https://example.com:443",
            "https:id.example.com",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
