//! Where a client is told that somebody signed out (OpenID Connect Back-Channel Logout 1.0 §2.2).

use url::Url;

const MAX_LENGTH: usize = 2000;

/// The `backchannel_logout_uri` of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogoutUri(Url);

/// Why a text is not such a URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLogoutUri {
    /// It is not an absolute URI of https or http.
    #[error("an absolute https URI of at most {MAX_LENGTH} visible ASCII characters")]
    Shape,
    /// It has a fragment.
    #[error("an https URI without fragment")]
    Fragment,
    /// It has a user name or a password.
    #[error("an https URI without user name and password")]
    Userinfo,
}

impl LogoutUri {
    /// Parses a URI. Whether plain `http` may be used depends on the issuer, which this type does not know.
    pub fn parse(text: &str) -> Result<Self, InvalidLogoutUri> {
        if text.len() > MAX_LENGTH || !text.bytes().all(|byte| byte.is_ascii_graphic()) || text.contains('\\')
        {
            return Err(InvalidLogoutUri::Shape);
        }
        let url = Url::parse(text).map_err(|_| InvalidLogoutUri::Shape)?;
        if !matches!(url.scheme(), "https" | "http") || !url.has_host() || !text.contains("://") {
            return Err(InvalidLogoutUri::Shape);
        }
        if url.fragment().is_some() {
            return Err(InvalidLogoutUri::Fragment);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidLogoutUri::Userinfo);
        }
        Ok(Self(url))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The URL to call.
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// Whether the scheme is `https`.
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// The name and the port of the host.
    pub fn host(&self) -> String {
        let port = self.0.port_or_known_default().unwrap_or_default();
        format!("{}:{port}", self.0.host_str().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_an_absolute_uri_of_the_web_without_fragment() {
        for fine in
            ["https://app.example/out", "https://app.example:8443/out?tenant=a", "http://127.0.0.1:3000/out"]
        {
            assert_eq!(LogoutUri::parse(fine).unwrap().as_str(), fine);
        }
        for (bad, expected) in [
            ("", InvalidLogoutUri::Shape),
            ("/out", InvalidLogoutUri::Shape),
            ("https:app.example", InvalidLogoutUri::Shape),
            ("ftp://app.example/", InvalidLogoutUri::Shape),
            ("javascript:alert(1)", InvalidLogoutUri::Shape),
            ("https://app.example/a b", InvalidLogoutUri::Shape),
            ("https://app.example/out#", InvalidLogoutUri::Fragment),
            ("https://user@app.example/out", InvalidLogoutUri::Userinfo),
            ("https://:secret@app.example/out", InvalidLogoutUri::Userinfo),
        ] {
            assert_eq!(LogoutUri::parse(bad), Err(expected), "{bad}");
        }
        assert!(LogoutUri::parse(&format!("https://a.example/{}", "x".repeat(2000))).is_err());
    }

    #[test]
    fn the_host_has_a_port() {
        assert_eq!(LogoutUri::parse("https://APP.example/out").unwrap().host(), "app.example:443");
        assert_eq!(LogoutUri::parse("http://[::1]:3000/").unwrap().host(), "[::1]:3000");
    }
}
