//! Where the feed is and what it asks for.

use std::fmt;

use url::Url;

/// How to reach the issuer's feed.
///
/// ```
/// use shared_claims::revocation::FeedSettings;
///
/// let feed = FeedSettings::new("https://id.example/revocations")?.token("what revocation.feed_token says");
/// assert!(!format!("{feed:?}").contains("what"), "secrets are shown nowhere");
/// # Ok::<(), shared_claims::revocation::InvalidFeedUrl>(())
/// ```
#[derive(Clone)]
pub struct FeedSettings {
    pub(super) client: reqwest::Client,
    pub(super) url: Url,
    pub(super) token: Option<String>,
}

/// A feed URL that cannot be used.
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

impl FeedSettings {
    /// The feed at that URL (`<issuer>/revocations`). Connects to nothing yet.
    pub fn new(url: &str) -> Result<Self, InvalidFeedUrl> {
        let url = Url::parse(url).map_err(|_| InvalidFeedUrl::Url)?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(InvalidFeedUrl::Url);
        }
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("latchkey-shared-claims/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|_| InvalidFeedUrl::Tls)?;
        Ok(Self { client, url, token: None })
    }

    /// The same with the token that the issuer asks for (`revocation.feed_token`).
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }
}

impl fmt::Debug for FeedSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut url = self.url.clone();
        // Nothing to be done where there is no place for a password.
        let _ = url.set_password(None);
        url.set_query(None);
        f.debug_struct("FeedSettings")
            .field("url", &url.as_str())
            .field("token", &self.token.as_ref().map(|_| "[redacted]"))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_shown_nowhere() {
        let settings = FeedSettings::new("https://me:hunter2@auth.example/revocations?key=hunter2").unwrap();
        let shown = format!("{:?}", settings.token("hunter2"));
        assert!(shown.contains("auth.example/revocations") && !shown.contains("hunter2"), "{shown}");
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
