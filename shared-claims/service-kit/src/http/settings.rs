//! The settings under `http.` and `cookies.`.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use shared_claims::actix::OriginRule;
use url::Url;

use super::Network;
use crate::config::{InvalidSetting, Validate, in_range};

/// The listener, and which clients and proxies are trusted.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpSettings {
    /// The address and port to listen on.
    pub bind: SocketAddr,
    /// The file of the certificate and of those between it and the root (PEM). With `tls_key`, the listener speaks TLS.
    pub tls_cert: Option<PathBuf>,
    /// The file of the certificate's private key (PEM).
    pub tls_key: Option<PathBuf>,
    /// Origins whose scripts may read the responses.
    pub cors_origins: Vec<String>,
    /// Proxies whose `X-Forwarded-For` or `Forwarded` header is trusted.
    pub trusted_proxies: Vec<Network>,
    /// Whether `Strict-Transport-Security` also covers the sub-domains of the service's host.
    pub hsts_subdomains: bool,
    /// The number of worker threads; 0 for one per core.
    pub workers: usize,
    /// How long the service still serves after the signal to stop, while `/readyz` answers 503, so that whoever sends it
    /// requests notices. Only then does it stop to accept connections.
    pub drain_seconds: u64,
    /// How long a stopping server waits for running requests.
    pub shutdown_seconds: u64,
    /// How long a client may take to send its headers.
    pub client_timeout_seconds: u64,
    /// The time limit of a whole request, its body included. It must be longer than the longest wait that a client may
    /// ask for.
    pub request_timeout_seconds: u64,
    /// How long an idle connection is kept open. It must be longer than the time that proxies and load balancers use
    /// (usually 60 seconds): otherwise a proxy may send a request on a connection that the service is closing.
    pub keep_alive_seconds: u64,
    /// For how long a client may leave sent data unread before its connection is closed.
    pub stalled_seconds: u64,
    /// The most connections that each worker holds at a time.
    pub max_connections: usize,
    /// The most connections from one IP address (IPv6: from one /64 network); 0 for no limit. Trusted proxies are not
    /// counted.
    pub max_connections_per_address: usize,
}

impl HttpSettings {
    /// The default settings with this listen address.
    pub fn at(bind: SocketAddr) -> Self {
        // The last port is that of the todo-service's `/docs`, which requests tokens from the auth-service.
        let ports = ["5173", "3000", "8080", "8001"];
        let hosts = ["localhost", "127.0.0.1"];
        let cors_origins =
            hosts.iter().flat_map(|host| ports.iter().map(move |port| format!("http://{host}:{port}")));
        Self {
            bind,
            tls_cert: None,
            tls_key: None,
            cors_origins: cors_origins.collect(),
            trusted_proxies: Vec::new(),
            hsts_subdomains: false,
            workers: 0,
            drain_seconds: 0,
            shutdown_seconds: 10,
            client_timeout_seconds: 10,
            request_timeout_seconds: 60,
            keep_alive_seconds: 75,
            stalled_seconds: 20,
            max_connections: 25_000,
            max_connections_per_address: 0,
        }
    }
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self::at(SocketAddr::from(([127, 0, 0, 1], 8000)))
    }
}

impl Validate for HttpSettings {
    fn validate(&self) -> Result<(), InvalidSetting> {
        match (&self.tls_cert, &self.tls_key) {
            (Some(_), None) => return Err(InvalidSetting::new("tls_cert", "set together with http.tls_key")),
            (None, Some(_)) => return Err(InvalidSetting::new("tls_key", "set together with http.tls_cert")),
            _ => {}
        }
        for origin in &self.cors_origins {
            if !is_origin(origin) {
                return Err(InvalidSetting::new(
                    "cors_origins",
                    "origins like https://app.example.com: scheme, host and port, no path and no *",
                ));
            }
        }
        in_range("workers", self.workers, 0..=1024)?;
        in_range("drain_seconds", self.drain_seconds, 0..=600)?;
        in_range("shutdown_seconds", self.shutdown_seconds, 0..=3600)?;
        in_range("client_timeout_seconds", self.client_timeout_seconds, 1..=600)?;
        in_range("request_timeout_seconds", self.request_timeout_seconds, 1..=3600)?;
        in_range("keep_alive_seconds", self.keep_alive_seconds, 1..=3600)?;
        in_range("stalled_seconds", self.stalled_seconds, 1..=3600)?;
        in_range("max_connections", self.max_connections, 1..=1_000_000)?;
        in_range("max_connections_per_address", self.max_connections_per_address, 0..=1_000_000)
    }
}

/// Whether the text is an origin exactly as browsers send it.
fn is_origin(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.origin().ascii_serialization() == text
    }) && OriginRule::new([text]).is_ok()
}

/// The names and attributes of cookies.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CookieSettings {
    /// Whether cookies are `Secure` and have the name prefixes that require it. If it is not set, they are if the
    /// issuer's URL uses https.
    pub secure: Option<bool>,
    /// Appended to each cookie's name, so that several instances on one host do not share cookies.
    pub suffix: String,
}

impl CookieSettings {
    /// The rules for this issuer. Unless `secure` is set, the issuer's scheme decides, because a browser may drop a
    /// `Secure` cookie that was sent over http, even from `localhost`.
    pub fn rules(&self, issuer: &str) -> CookieRules {
        let is_secure = self.secure.unwrap_or_else(|| issuer.starts_with("https://"));
        CookieRules { is_secure, suffix: self.suffix.clone() }
    }
}

/// The rules for names and attributes of cookies.
#[derive(Clone, Debug)]
pub struct CookieRules {
    /// Whether the cookies are `Secure`.
    pub is_secure: bool,
    suffix: String,
}

impl CookieRules {
    /// The name of a cookie. The prefix (`__Host-`, `__Secure-`) is left out if cookies are not `Secure`.
    pub fn name(&self, prefix: &str, name: &str) -> String {
        let prefix = if self.is_secure { prefix } else { "" };
        format!("{prefix}{name}{}", self.suffix)
    }

    /// The name of the access token's cookie, which both services read.
    pub fn access_token(&self) -> String {
        self.name("__Host-", "access_token")
    }
}

impl Validate for CookieSettings {
    fn validate(&self) -> Result<(), InvalidSetting> {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if self.suffix.len() <= 32 && self.suffix.bytes().all(is_name) {
            return Ok(());
        }
        Err(InvalidSetting::new("suffix", "at most 32 of a-z, A-Z, 0-9, -, _ and ."))
    }
}
