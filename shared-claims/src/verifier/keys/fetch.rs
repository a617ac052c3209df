//! Requests the key set over HTTP, with limits on time and size.

use std::time::Duration;

use http::header::{ACCEPT, AGE, CACHE_CONTROL, ETAG, HeaderValue, IF_NONE_MATCH};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use url::Url;

use super::set::KeySet;
use crate::outbound::{self, ProxyUrl};

/// The time limit of one response, body included.
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// The size limit of one response.
const MAX_BODY_BYTES: usize = 256 * 1024;

/// Why a request failed. For the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("no answer from {url}: {cause}", url = outbound::shown(.0), cause = .1)]
    Http(Url, String),
    #[error("{url} answered {status}", url = outbound::shown(.0), status = .1)]
    Status(Url, StatusCode),
    #[error("{} answered more than 256 KiB", outbound::shown(.0))]
    TooLong(Url),
    #[error("{} is no discovery document with issuer and jwks_uri", outbound::shown(.0))]
    Discovery(Url),
    #[error("the discovery document is of another issuer: {0:?}")]
    Issuer(String),
    #[error("the discovery document names an unusable jwks_uri: {0:?}")]
    JwksUri(String),
    #[error("{} is no JWK Set", outbound::shown(.0))]
    KeySet(Url),
}

/// What is known from an earlier request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    pub(crate) jwks_url: Option<Url>,
    pub(crate) etag: Option<HeaderValue>,
}

/// The result of a request.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) known: Known,
    /// `None` if the set was not modified.
    pub(crate) keys: Option<KeySet>,
    pub(crate) max_age: Option<Duration>,
}

/// Requests the key set of one issuer.
#[derive(Debug)]
pub(crate) struct Fetcher {
    client: reqwest::Client,
    issuer: String,
    jwks_url: Option<Url>,
}

impl Fetcher {
    pub(crate) fn new(
        issuer: String,
        jwks_url: Option<Url>,
        proxy: Option<&ProxyUrl>,
    ) -> Result<Self, reqwest::Error> {
        let client = outbound::client(proxy)?
            .timeout(TIME_LIMIT)
            // Requests are minutes apart, so a connection kept for the next one would usually be closed by then.
            .pool_max_idle_per_host(0)
            .build()?;
        Ok(Self { client, issuer, jwks_url })
    }

    pub(crate) async fn fetch(&self, known: Known) -> Result<Fetched, FetchError> {
        let url = match self.jwks_url.clone().or(known.jwks_url) {
            Some(url) => url,
            None => self.discover().await?,
        };
        let mut request =
            self.client.get(url.clone()).header(ACCEPT, "application/jwk-set+json, application/json");
        if let Some(etag) = &known.etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        let response = LimitedResponse::read(request, &url).await?;
        let max_age = max_age(&response.headers);
        if response.status == StatusCode::NOT_MODIFIED && known.etag.is_some() {
            return Ok(Fetched { known: Known { jwks_url: Some(url), ..known }, keys: None, max_age });
        }
        if response.status != StatusCode::OK {
            return Err(FetchError::Status(url, response.status));
        }
        let keys = KeySet::from_json(&response.body).map_err(|_| FetchError::KeySet(url.clone()))?;
        let etag = response.headers.get(ETAG).cloned();
        Ok(Fetched { known: Known { jwks_url: Some(url), etag }, keys: Some(keys), max_age })
    }

    /// Reads the discovery document (OpenID Connect Discovery 1.0 §4). Its `issuer` must be exactly the configured one.
    async fn discover(&self) -> Result<Url, FetchError> {
        #[derive(Deserialize)]
        struct Discovery {
            issuer: String,
            jwks_uri: String,
        }
        let address = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let url = Url::parse(&address).map_err(|_| FetchError::Issuer(self.issuer.clone()))?;
        let response =
            LimitedResponse::read(self.client.get(url.clone()).header(ACCEPT, "application/json"), &url)
                .await?;
        if response.status != StatusCode::OK {
            return Err(FetchError::Status(url, response.status));
        }
        let document: Discovery =
            serde_json::from_slice(&response.body).map_err(|_| FetchError::Discovery(url.clone()))?;
        if document.issuer != self.issuer {
            return Err(FetchError::Issuer(document.issuer));
        }
        match Url::parse(&document.jwks_uri) {
            // If the issuer is reached over TLS, its key set must be too.
            Ok(jwks) if jwks.scheme() == "https" || (jwks.scheme() == "http" && url.scheme() == "http") => {
                Ok(jwks)
            }
            _ => Err(FetchError::JwksUri(document.jwks_uri)),
        }
    }
}

struct LimitedResponse {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl LimitedResponse {
    async fn read(request: reqwest::RequestBuilder, url: &Url) -> Result<Self, FetchError> {
        let failed = |error: reqwest::Error| FetchError::Http(url.clone(), outbound::cause(error));
        let mut response = request.send().await.map_err(failed)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = Vec::new();
        // The limit counts decompressed bytes: a small gzip body may contain a large document.
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > MAX_BODY_BYTES {
                return Err(FetchError::TooLong(url.clone()));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Self { status, headers, body })
    }
}

/// For how long the response stays fresh (RFC 9111 §4.2): `max-age` minus its `Age`.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers
        .get_all(CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .find_map(|directive| {
            let (name, value) = directive.trim().split_once('=')?;
            name.eq_ignore_ascii_case("max-age").then(|| value.trim_matches('"').parse::<u64>().ok())?
        })?;
    let age = headers.get(AGE).and_then(|age| age.to_str().ok()?.trim().parse::<u64>().ok()).unwrap_or(0);
    Some(Duration::from_secs(seconds.saturating_sub(age)))
}
