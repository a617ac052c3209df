//! The HTTP clients with which a verifier calls its issuer. The same rules hold for the key set and for the feed.
//!
//! They follow no redirects, and they use a proxy only if the settings name one: the variables `HTTP_PROXY`,
//! `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` are ignored. A variable that was set for other programs must not send the
//! feed's token, or the requests for keys, to a machine that the operator of this service did not choose.
//!
//! ```
//! use shared_claims::outbound::ProxyUrl;
//!
//! let proxy = ProxyUrl::parse("http://proxy.example:3128")?;
//! # Ok::<(), shared_claims::outbound::InvalidProxyUrl>(())
//! ```

use std::error::Error;
use std::fmt;

use url::Url;

/// The URL of the proxy through which keys and feed are requested from the issuer.
///
/// ```
/// use shared_claims::outbound::{InvalidProxyUrl, ProxyUrl};
///
/// let proxy = ProxyUrl::parse("http://user:secret@proxy.example:3128")?;
/// assert_eq!(format!("{proxy:?}"), "ProxyUrl(http://proxy.example:3128)");
/// # Ok::<(), InvalidProxyUrl>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyUrl(Url);

/// The error for a proxy URL that cannot be used. It does not contain the URL, which may hold a password.
///
/// ```
/// use shared_claims::outbound::{InvalidProxyUrl, ProxyUrl};
///
/// assert_eq!(ProxyUrl::parse("socks5://localhost").err(), Some(InvalidProxyUrl));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the URL of a proxy (http[s]://[user:password@]host[:port], without a path)")]
pub struct InvalidProxyUrl;

impl ProxyUrl {
    /// Parses a URL. Does not connect.
    ///
    /// # Errors
    /// [`InvalidProxyUrl`] for anything but `http[s]://[user:password@]host[:port]`.
    pub fn parse(text: &str) -> Result<Self, InvalidProxyUrl> {
        let url = Url::parse(text).map_err(|_| InvalidProxyUrl)?;
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() || !bare {
            return Err(InvalidProxyUrl);
        }
        Ok(Self(url))
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProxyUrl({})", self.0.origin().ascii_serialization())
    }
}

/// Builds a client with the rules that every client shares. It has no time limit: the caller sets one for each request.
pub(crate) fn client(proxy: Option<&ProxyUrl>) -> reqwest::Result<reqwest::ClientBuilder> {
    let builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .user_agent(concat!("latchkey-shared-claims/", env!("CARGO_PKG_VERSION")));
    Ok(match proxy {
        Some(ProxyUrl(url)) => builder.proxy(reqwest::Proxy::all(url.clone())?),
        None => builder,
    })
}

/// The cause of a failed request, for logs and status. It is the innermost error ("Connection refused", "invalid peer
/// certificate: UnknownIssuer"): the outer ones repeat the URL, which may hold a password.
pub(crate) fn cause(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut innermost: &dyn Error = &error;
    while let Some(inner) = innermost.source() {
        innermost = inner;
    }
    innermost.to_string()
}

/// The URL in a form that is safe to log: without user name, password and query.
pub(crate) fn shown(url: &Url) -> String {
    let origin = url.origin().ascii_serialization();
    format!("{origin}{}", url.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_a_bare_web_address() {
        for fine in ["http://proxy:3128", "https://user:p%40ss@proxy.example", "http://[::1]:8080/"] {
            assert!(ProxyUrl::parse(fine).is_ok(), "{fine}");
        }
        for bad in ["", "proxy:3128", "socks5://proxy", "http://proxy/path", "http://proxy?x=1", "http://"] {
            assert_eq!(ProxyUrl::parse(bad), Err(InvalidProxyUrl), "{bad}");
        }
    }

    #[test]
    fn a_password_is_shown_nowhere() {
        let shown = format!("{:?}", ProxyUrl::parse("http://me:hunter2@proxy:3128").unwrap());
        assert_eq!(shown, "ProxyUrl(http://proxy:3128)");
        let url = Url::parse("https://me:hunter2@id.example:8443/keys?key=hunter2").unwrap();
        assert_eq!(super::shown(&url), "https://id.example:8443/keys");
    }
}
