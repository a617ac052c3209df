//! Where the feed is and how to authenticate to it.

use std::fmt;

use reqwest::header::HeaderValue;
use url::Url;

use crate::outbound::{self, ProxyUrl};

/// How to reach the issuer's feed.
///
/// ```
/// use shared_claims::outbound::ProxyUrl;
/// use shared_claims::revocation::FeedSettings;
///
/// let feed = FeedSettings::new("https://id.example/revocations")?.token("what-revocation.feed_token-says")?;
/// let feed = feed.proxy(&ProxyUrl::parse("http://proxy.example:3128")?)?;
/// assert!(!format!("{feed:?}").contains("what"), "secrets are shown nowhere");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct FeedSettings {
    pub(super) client: reqwest::Client,
    pub(super) url: Url,
    /// The `Authorization` header: `Bearer` and the token.
    pub(super) authorization: Option<HeaderValue>,
}

/// The error for a feed URL that cannot be used.
///
/// ```
/// use shared_claims::revocation::{FeedSettings, InvalidFeedUrl};
///
/// assert_eq!(FeedSettings::new("/revocations").err(), Some(InvalidFeedUrl::Url));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidFeedUrl {
    /// Not an absolute `http` or `https` URL.
    #[error("the feed's URL has to be an absolute http or https URL")]
    Url,
    /// The TLS client cannot be set up.
    #[error("the TLS client for the feed cannot be set up: are there no root certificates?")]
    Tls,
}

/// The error for a feed token that cannot be sent in an HTTP header, for example because its file ends with a line
/// break. It does not contain the token.
///
/// ```
/// use shared_claims::revocation::{FeedSettings, InvalidFeedToken};
///
/// let feed = FeedSettings::new("https://id.example/revocations")?;
/// assert_eq!(feed.token("two\nlines").err(), Some(InvalidFeedToken));
/// # Ok::<(), shared_claims::revocation::InvalidFeedUrl>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the feed's token has to consist of visible ASCII characters")]
pub struct InvalidFeedToken;

impl FeedSettings {
    /// Settings for the feed at this URL (`<issuer>/revocations`). Does not connect.
    pub fn new(url: &str) -> Result<Self, InvalidFeedUrl> {
        let url = Url::parse(url).map_err(|_| InvalidFeedUrl::Url)?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(InvalidFeedUrl::Url);
        }
        Ok(Self { client: client(None)?, url, authorization: None })
    }

    /// Sets the token that the issuer requires (`revocation.feed_token`).
    ///
    /// # Errors
    /// [`InvalidFeedToken`] for a token that cannot be sent in a header.
    pub fn token(mut self, token: &str) -> Result<Self, InvalidFeedToken> {
        let is_visible = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        let header = is_visible.then(|| HeaderValue::try_from(format!("Bearer {token}")).ok()).flatten();
        let mut header = header.ok_or(InvalidFeedToken)?;
        header.set_sensitive(true);
        self.authorization = Some(header);
        Ok(self)
    }

    /// Sends the requests through a proxy. By default no proxy is used: the environment's `HTTP_PROXY` and similar
    /// variables are ignored. If the feed's URL is plain `http`, the proxy sees the feed's token.
    ///
    /// # Errors
    /// [`InvalidFeedUrl::Tls`], as for [`new`](Self::new).
    pub fn proxy(mut self, proxy: &ProxyUrl) -> Result<Self, InvalidFeedUrl> {
        self.client = client(Some(proxy))?;
        Ok(self)
    }
}

fn client(proxy: Option<&ProxyUrl>) -> Result<reqwest::Client, InvalidFeedUrl> {
    outbound::client(proxy).and_then(reqwest::ClientBuilder::build).map_err(|_| InvalidFeedUrl::Tls)
}

impl fmt::Debug for FeedSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut url = self.url.clone();
        // Fails only for a URL that cannot hold a password, and then there is none to remove.
        let _ = url.set_password(None);
        url.set_query(None);
        f.debug_struct("FeedSettings")
            .field("url", &url.as_str())
            .field("token", &self.authorization.as_ref().map(|_| "[redacted]"))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_shown_nowhere() {
        let settings = FeedSettings::new("https://me:hunter2@auth.example/revocations?key=hunter2").unwrap();
        let shown = format!("{:?}", settings.token("hunter2").unwrap());
        assert!(shown.contains("auth.example/revocations") && !shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn a_token_has_to_fit_in_a_header() {
        for bad in ["", "two\n", "two\r\n\r\n", "with blank", "gr\u{fc}n", "\u{feff}bom"] {
            let feed = FeedSettings::new("https://auth.example/revocations").unwrap();
            assert_eq!(feed.token(bad).err(), Some(InvalidFeedToken), "{bad:?}");
        }
    }

    #[test]
    fn only_web_addresses_are_feeds() {
        for bad in
            ["", "/revocations", "redis://localhost", "file:///etc/passwd", "localhost:8000/revocations"]
        {
            assert_eq!(FeedSettings::new(bad).err(), Some(InvalidFeedUrl::Url), "{bad}");
        }
    }
}
