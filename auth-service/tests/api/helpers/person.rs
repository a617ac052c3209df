//! A person with a browser: keeps cookies, opens pages and posts their forms.

use std::collections::BTreeMap;

use reqwest::header::{ACCEPT_LANGUAGE, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::{Response, StatusCode};
use url::Url;

use super::device::DEVICE;
use super::{PASSWORD, TestApp};

/// The origin of the test issuer's pages.
pub(crate) const OWN_ORIGIN: &str = "http://localhost:8000";

/// The query of an authorization request of the test client `web1`, with PKCE by [`super::codes::VERIFIER`].
const REQUEST: [(&str, &str); 8] = [
    ("response_type", "code"),
    ("client_id", "web1"),
    ("redirect_uri", "https://app.example/cb"),
    ("scope", "openid"),
    ("state", "xyz12345"),
    ("nonce", "n1"),
    ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
    ("code_challenge_method", "S256"),
];

/// The encoded parameters of the base request with these changes; an empty value leaves a parameter out.
pub(crate) fn request(changes: &[(&str, &str)]) -> String {
    let kept = REQUEST.iter().filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    let pairs = kept.chain(changes.iter().filter(|(_, value)| !value.is_empty()));
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// A browser.
pub(crate) struct Person<'a> {
    pub(crate) app: &'a TestApp,
    pub(crate) cookies: BTreeMap<String, String>,
    /// What the browser sends as `Accept-Language`.
    pub(crate) languages: &'static str,
}

/// What a browser shows.
pub(crate) struct Shown {
    pub(crate) status: StatusCode,
    /// The address that it was redirected to.
    pub(crate) location: Option<String>,
    pub(crate) html: String,
    pub(crate) headers: reqwest::header::HeaderMap,
}

impl<'a> Person<'a> {
    pub(crate) fn new(app: &'a TestApp) -> Self {
        Self { app, cookies: BTreeMap::new(), languages: "fr" }
    }

    /// Another browser with the same cookies, as they are now.
    pub(crate) fn copy(&self) -> Self {
        Self { app: self.app, cookies: self.cookies.clone(), languages: self.languages }
    }

    /// Whether the browser has no cookie but that of the device, which stays at sign-out.
    pub(crate) fn has_signed_out(&self) -> bool {
        self.cookies.keys().all(|name| name == DEVICE)
    }

    fn cookie_header(&self) -> String {
        self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    async fn take(&mut self, response: Response) -> Shown {
        let (status, headers) = (response.status(), response.headers().clone());
        for cookie in headers.get_all(SET_COOKIE) {
            let (pair, attributes) = cookie.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let location = headers.get(LOCATION).map(|value| value.to_str().unwrap().to_owned());
        Shown { status, location, html: response.text().await.unwrap(), headers }
    }

    /// Opens an address of ours, without following a redirect.
    pub(crate) async fn open(&mut self, path: &str) -> Shown {
        let request = self.app.client.get(format!("{}{path}", self.app.url));
        let request = request.header("Cookie", self.cookie_header());
        let response = request.header(ACCEPT_LANGUAGE, self.languages).send().await.unwrap();
        self.take(response).await
    }

    /// Posts a form of ours, without following a redirect.
    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Shown {
        let request = self.app.client.post(format!("{}{path}", self.app.url)).form(fields);
        let request = request.header("Cookie", self.cookie_header()).header(ORIGIN, OWN_ORIGIN);
        let response = request.header(ACCEPT_LANGUAGE, self.languages).send().await.unwrap();
        self.take(response).await
    }

    /// Follows redirects to pages of ours, and stops at a page or at the client.
    pub(crate) async fn follow(&mut self, mut shown: Shown) -> Shown {
        for _ in 0..5 {
            let Some(path) = shown.location.clone().filter(|location| location.starts_with('/')) else {
                return shown;
            };
            assert_eq!(shown.status, StatusCode::SEE_OTHER);
            shown = self.open(&path).await;
        }
        panic!("redirected without end: {:?}", shown.location);
    }

    /// Opens the authorization endpoint with the base request and these changes, and follows.
    pub(crate) async fn authorize(&mut self, changes: &[(&str, &str)]) -> Shown {
        let shown = self.open(&format!("/oauth2/authorize?{}", request(changes))).await;
        self.follow(shown).await
    }

    /// Signs in with the form that is shown, and follows.
    pub(crate) async fn sign_in(&mut self, form: &Shown, username: &str) -> Shown {
        let fields = [("request", form.request()), ("username", username), ("password", PASSWORD)];
        let shown = self.post("/login", &fields).await;
        self.follow(shown).await
    }

    /// Signs in on the bare page.
    pub(crate) async fn sign_in_bare(&mut self, username: &str) {
        let shown = self.post("/login", &[("username", username), ("password", PASSWORD)]).await;
        assert_eq!((shown.status, shown.location.as_deref()), (StatusCode::SEE_OTHER, Some("/account")));
    }

    /// Decides on the consent page that is shown, and follows.
    pub(crate) async fn decide(&mut self, page: &Shown, decision: &str) -> Shown {
        let shown = self.post("/consent", &[("request", page.request()), ("decision", decision)]).await;
        self.follow(shown).await
    }
}

impl Shown {
    /// The value of the hidden field `request`.
    pub(crate) fn request(&self) -> &str {
        let begin = "name=\"request\" value=\"";
        let at = self
            .html
            .find(begin)
            .unwrap_or_else(|| panic!("no sealed request: {} {}", self.status, self.html));
        self.html[at + begin.len()..].split('"').next().unwrap()
    }

    /// Whether the page has this heading.
    pub(crate) fn is_page(&self, heading: &str) -> bool {
        ["<h1>", "<h1 data-live>"].iter().any(|tag| self.html.contains(&format!("{tag}{heading}</h1>")))
    }

    /// A parameter that the client received in the query of its redirect URI.
    pub(crate) fn received(&self, name: &str) -> Option<String> {
        let location =
            self.location.as_deref().unwrap_or_else(|| panic!("no redirect: {} {}", self.status, self.html));
        let url = Url::parse(location).unwrap_or_else(|_| panic!("{location}"));
        url.query_pairs().find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
    }

    /// The code that the client received.
    pub(crate) fn code(&self) -> String {
        self.received("code").unwrap_or_else(|| panic!("no code: {:?}", self.location))
    }

    /// The error that the client received.
    pub(crate) fn error(&self) -> String {
        self.received("error").unwrap_or_else(|| panic!("no error: {:?}", self.location))
    }
}
