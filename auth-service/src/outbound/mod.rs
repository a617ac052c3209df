//! The HTTP client for addresses that somebody else chose, such as those of clients that want to be told of a sign-out. It
//! cannot be led to a place that only this service can reach: a name is resolved anew for each call, every address is
//! checked, and the connection goes to one of the checked addresses. It uses no proxy, follows no redirect, and bounds the
//! time, the bytes and the calls to one host.

mod address;
mod certificate;
mod resolve;

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::redirect::Policy;
use service_kit::http::Network;
use url::{Host, Url};

use self::address::AddressRule;
pub use self::resolve::Resolve;
use self::resolve::{CheckedResolver, NoAllowedAddress, NotResolved, SystemResolver};

/// How long a call may take: the look-up of the name, the connection, the request and the answer.
pub const CALL_LIMIT: Duration = Duration::from_secs(5);
/// How long a call takes at least that gets no answer. So the time says nothing about why: a name that does not exist, an
/// address that may not be called, or a port at which nobody listens.
pub const UNANSWERED_AFTER: Duration = Duration::from_secs(1);
/// The most bytes of an answer that are read, after its head.
const MAX_ANSWER: usize = 4096;
/// The most lines in the head of an answer. Together they have 408 KiB at most, which is the limit of the HTTP library
/// (hyper) and cannot be set here.
const MAX_HEADERS: usize = 100;
/// The most calls to one host (its name and port) at a time.
pub const CALLS_PER_HOST: usize = 4;

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

/// Which addresses may be called.
#[derive(Clone, Debug)]
pub struct OutboundSettings {
    /// Networks that may be called although they are not globally reachable.
    pub allowed_networks: Vec<Network>,
    /// Whether plain `http` may be used.
    pub allows_http: bool,
}

/// What the answer to one call may take.
#[derive(Clone, Copy, Debug)]
pub struct AnswerBounds {
    /// The time from the look-up of the name to the last byte.
    pub time: Duration,
    /// The most bytes.
    pub bytes: usize,
}

/// Why a call got no answer. The text is for the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The address is not one of `https`.
    #[error("the address must use https; http is for a local issuer alone")]
    Insecure,
    /// No address of the host may be called.
    #[error(
        "no address of the host may be called: they are not public, and not in backchannel.allowed_networks"
    )]
    NotAllowed,
    /// The name does not exist, or its servers gave no answer.
    #[error("the name of the host cannot be resolved")]
    NotResolved,
    /// The host refused the connection, or does not speak TLS.
    #[error("the connection failed")]
    NotConnected,
    /// The certificate of the host is not accepted.
    #[error("the certificate of the host is not accepted: {0}")]
    BadCertificate(&'static str),
    /// The time was up.
    #[error("no answer in time")]
    TimedOut,
    /// The connection ended before an answer, or the answer was not HTTP.
    #[error("the answer could not be read")]
    NoAnswer,
    /// The answer has more bytes than the caller wants.
    #[error("the answer is too long")]
    TooLong,
    /// The answer has another status than 200, or is not UTF-8.
    #[error("the answer is not the wanted one")]
    NotWanted,
    /// As many calls to this host as there may be are running.
    #[error("too many calls to the host are running")]
    Busy,
    /// This process has no certificates of authorities, so that it cannot check any server's.
    #[error("the certificates of this system cannot be read")]
    NoTls,
}

/// The client. Cheap to clone.
#[derive(Clone)]
pub struct Outbound {
    inner: Arc<Inner>,
}

struct Inner {
    client: Option<reqwest::Client>,
    rule: AddressRule,
    allows_http: bool,
    /// How many calls to each host are running.
    running: Mutex<HashMap<String, usize>>,
}

impl Outbound {
    /// Builds the client, which asks the operating system's resolver.
    pub fn new(settings: OutboundSettings) -> Self {
        Self::resolving_by(settings, Arc::new(SystemResolver::new()))
    }

    /// Builds a client that asks another resolver.
    pub fn resolving_by(settings: OutboundSettings, resolver: Arc<dyn Resolve>) -> Self {
        let OutboundSettings { allowed_networks, allows_http } = settings;
        let rule = AddressRule { allowed_networks };
        let built = reqwest::Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_gzip()
            .http1_max_headers(MAX_HEADERS)
            // Each call opens its own connection: a kept one would go to an address that was checked some time ago.
            .pool_max_idle_per_host(0)
            .dns_resolver(Arc::new(CheckedResolver { inner: resolver, rule: rule.clone() }))
            .user_agent(concat!("Latchkey/", env!("CARGO_PKG_VERSION")))
            .build();
        if let Err(error) = &built {
            tracing::warn!(%error, "outbound.not_built: no other server is called");
        }
        let inner = Inner { client: built.ok(), rule, allows_http, running: Mutex::default() };
        Self { inner: Arc::new(inner) }
    }

    /// Posts a form, encoded by the caller. Returns the status of the answer, whatever it is; the rest of the answer is
    /// thrown away.
    ///
    /// # Errors
    /// If there is no answer. Each of these errors takes [`UNANSWERED_AFTER`] at least.
    pub async fn post_form(&self, url: &Url, form: String) -> Result<u16, CallError> {
        // Both clocks begin now, not after the call.
        let (earliest, limit) = (tokio::time::sleep(UNANSWERED_AFTER), tokio::time::sleep(CALL_LIMIT));
        let answered = tokio::select! {
            answered = self.call(url, form) => answered,
            () = limit => Err(CallError::TimedOut),
        };
        if answered.is_err() {
            earliest.await;
        }
        answered
    }

    async fn call(&self, url: &Url, form: String) -> Result<u16, CallError> {
        self.check(url)?;
        let client = self.inner.client.as_ref().ok_or(CallError::NoTls)?;
        let _turn = self.take_turn(url)?;
        let request = client.post(url.clone()).header(CONTENT_TYPE, FORM).body(form);
        let mut response = request.send().await.map_err(|error| reason(&error))?;
        let status = response.status().as_u16();
        let mut read = 0;
        while let Ok(Some(chunk)) = response.chunk().await {
            read += chunk.len();
            if read >= MAX_ANSWER {
                break;
            }
        }
        Ok(status)
    }

    /// Gets a text. The bounds are the caller's; all else is as in [`post_form`](Self::post_form), but for the time that an
    /// error takes at least.
    ///
    /// # Errors
    /// If there is no answer within the bounds, or its status is not 200.
    pub async fn get_text(
        &self,
        url: &Url,
        headers: &[(&str, &str)],
        bounds: AnswerBounds,
    ) -> Result<String, CallError> {
        let answered = tokio::time::timeout(bounds.time, self.get(url, headers, bounds.bytes));
        answered.await.unwrap_or(Err(CallError::TimedOut))
    }

    async fn get(&self, url: &Url, headers: &[(&str, &str)], most: usize) -> Result<String, CallError> {
        self.check(url)?;
        let client = self.inner.client.as_ref().ok_or(CallError::NoTls)?;
        let _turn = self.take_turn(url)?;
        let request = headers
            .iter()
            .fold(client.get(url.clone()), |request, (name, value)| request.header(*name, *value));
        let mut response = request.send().await.map_err(|error| reason(&error))?;
        if response.status() != StatusCode::OK {
            return Err(CallError::NotWanted);
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| reason(&error))? {
            if bytes.len() + chunk.len() > most {
                return Err(CallError::TooLong);
            }
            bytes.extend_from_slice(&chunk);
        }
        String::from_utf8(bytes).map_err(|_| CallError::NotWanted)
    }

    /// Checks what can be checked without a look-up. The parser of URLs has turned other notations of an IPv4 address
    /// (`0x7f.1`, `2130706433`) into the address.
    fn check(&self, url: &Url) -> Result<(), CallError> {
        match url.scheme() {
            "https" => {}
            "http" if self.inner.allows_http => {}
            _ => return Err(CallError::Insecure),
        }
        let is_allowed = match url.host() {
            // The HTTP client asks no resolver about an address.
            Some(Host::Ipv4(address)) => self.inner.rule.allows(address.into()),
            Some(Host::Ipv6(address)) => self.inner.rule.allows(address.into()),
            Some(Host::Domain(_)) => true,
            None => false,
        };
        if is_allowed { Ok(()) } else { Err(CallError::NotAllowed) }
    }

    fn take_turn(&self, url: &Url) -> Result<Turn, CallError> {
        let host = host_of(url);
        let mut running = self.inner.running.lock().unwrap_or_else(PoisonError::into_inner);
        let count = running.entry(host.clone()).or_default();
        if *count >= CALLS_PER_HOST {
            return Err(CallError::Busy);
        }
        *count += 1;
        Ok(Turn { inner: Arc::clone(&self.inner), host })
    }
}

/// The name and the port of the host of a URL.
pub fn host_of(url: &Url) -> String {
    let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default());
    format!("{host}:{port}")
}

/// A call that counts among those to its host.
struct Turn {
    inner: Arc<Inner>,
    host: String,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut running = self.inner.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = running.get_mut(&self.host) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                running.remove(&self.host);
            }
        }
    }
}

/// Why the HTTP client failed. Its own text would name the URL.
fn reason(error: &reqwest::Error) -> CallError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(found) = cause {
        if found.is::<NoAllowedAddress>() {
            return CallError::NotAllowed;
        }
        if found.is::<NotResolved>() {
            return CallError::NotResolved;
        }
        if let Some(fault) = certificate::fault(found) {
            return CallError::BadCertificate(fault);
        }
        cause = found.source();
    }
    match error {
        error if error.is_timeout() => CallError::TimedOut,
        error if error.is_connect() => CallError::NotConnected,
        _ => CallError::NoAnswer,
    }
}
