//! Putting a verifier together.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use url::Url;

use super::cache::TokenCache;
use super::check::{Inner, Verifier};
use super::error::BuildError;
use super::keys::{Fetcher, FollowSettings, Follower, KeySetHandle, KeySource};
use super::metrics::Counters;
use super::payload::Expected;
use super::self_test;
use crate::claims::Claims;
use crate::clock::{SharedClock, SystemClock};
use crate::revocation::Revocation;

/// How long `build` waits for the first reading of the key set.
const FIRST_READING: Duration = Duration::from_secs(2);

/// What happens to a good token while the revocation source cannot tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnOutage {
    /// 503: nothing is accepted that might be revoked.
    #[default]
    Refuse,
    /// Accepted, logged and counted: a revoked token may live on until it expires.
    Accept,
}

/// A rule of the service's own, asked after the claims were found good.
pub(super) type Policy = Arc<dyn Fn(&Claims) -> bool + Send + Sync>;

/// Builds a [`Verifier`].
#[must_use = "a builder does nothing until it is built"]
pub struct VerifierBuilder {
    issuer: String,
    audience: Option<String>,
    leeway_seconds: u64,
    jwks_url: Option<Url>,
    jwks_cooldown: Duration,
    jwks_max_age: Duration,
    keys: Option<KeySetHandle>,
    revocation: Option<Revocation>,
    without_revocation: bool,
    on_outage: OnOutage,
    token_cache_entries: usize,
    policy: Option<Policy>,
    clock: SharedClock,
}

impl VerifierBuilder {
    pub(super) fn new(issuer: &str) -> Self {
        Self {
            issuer: issuer.to_owned(),
            audience: None,
            leeway_seconds: 10,
            jwks_url: None,
            jwks_cooldown: Duration::from_secs(10),
            jwks_max_age: Duration::from_secs(86_400),
            keys: None,
            revocation: None,
            without_revocation: false,
            on_outage: OnOutage::default(),
            token_cache_entries: 50_000,
            policy: None,
            clock: Arc::new(SystemClock),
        }
    }

    /// The resource identifier of this service, which `aud` must hold. Required.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// How far the clocks of issuer and verifier may be apart: 10 s unless said otherwise, at most 30.
    pub fn leeway_seconds(mut self, seconds: u64) -> Self {
        self.leeway_seconds = seconds;
        self
    }

    /// Where the key set is; found by discovery unless said.
    pub fn jwks_url(mut self, url: Url) -> Self {
        self.jwks_url = Some(url);
        self
    }

    /// How long unknown `kid`s cause no further fetch after they caused one: 10 s.
    pub fn jwks_cooldown(mut self, cooldown: Duration) -> Self {
        self.jwks_cooldown = cooldown;
        self
    }

    /// How long the last good key set serves while the issuer is away: a day.
    pub fn jwks_max_age(mut self, max_age: Duration) -> Self {
        self.jwks_max_age = max_age;
        self
    }

    /// Keys that someone in this process holds, instead of fetching them: for the issuer itself.
    pub fn keys(mut self, keys: KeySetHandle) -> Self {
        self.keys = Some(keys);
        self
    }

    /// Where revocations are learnt. Required, unless [`without_revocation`](Self::without_revocation) is said.
    pub fn revocation(mut self, source: Revocation) -> Self {
        self.revocation = Some(source);
        self.without_revocation = false;
        self
    }

    /// Tokens are accepted until they expire, revoked or not.
    pub fn without_revocation(mut self) -> Self {
        self.revocation = None;
        self.without_revocation = true;
        self
    }

    /// What happens while the revocation source cannot tell: [`OnOutage::Refuse`] unless said otherwise.
    pub fn on_outage(mut self, on_outage: OnOutage) -> Self {
        self.on_outage = on_outage;
        self
    }

    /// How many tokens are remembered as well signed: 50,000; 0 for none.
    pub fn token_cache_entries(mut self, entries: usize) -> Self {
        self.token_cache_entries = entries;
        self
    }

    /// A rule of the service's own over the claims; a token that breaks it is `invalid_token`. It is asked on every
    /// check, after the signature was found good.
    ///
    /// ```
    /// # use shared_claims::verifier::Verifier;
    /// let builder = Verifier::builder("http://localhost:8000")
    ///     .audience("http://localhost:8000")
    ///     .policy(|claims| claims.client_id == "first-party");
    /// ```
    pub fn policy(mut self, rule: impl Fn(&Claims) -> bool + Send + Sync + 'static) -> Self {
        self.policy = Some(Arc::new(rule));
        self
    }

    /// The clock; the system's unless said otherwise.
    pub fn clock(mut self, clock: SharedClock) -> Self {
        self.clock = clock;
        self
    }

    /// Builds the verifier and, unless it was given [`keys`](Self::keys), reads the issuer's. When the issuer is
    /// away it is built all the same: it goes on trying, and cannot verify until then.
    ///
    /// # Errors
    /// [`BuildError`] for settings that cannot be meant.
    pub async fn build(self) -> Result<Verifier, BuildError> {
        // RFC 8414 §2: an issuer has no query and no fragment.
        if !is_web_url(&self.issuer) || self.issuer.contains(['?', '#']) {
            return Err(BuildError::Issuer(self.issuer));
        }
        let audience = self.audience.filter(|audience| !audience.is_empty()).ok_or(BuildError::NoAudience)?;
        let Ok(leeway_seconds @ 0..=30) = i64::try_from(self.leeway_seconds) else {
            return Err(BuildError::Leeway(self.leeway_seconds));
        };
        if self.revocation.is_none() && !self.without_revocation {
            return Err(BuildError::NoRevocation);
        }
        if !self_test::passes() {
            return Err(BuildError::SelfTest);
        }
        let counters = Arc::new(Counters::default());
        let keys = if let Some(handle) = self.keys {
            KeySource::Handle(handle)
        } else {
            if let Some(url) = self.jwks_url.as_ref().filter(|url| !is_web_url(url.as_str())) {
                return Err(BuildError::JwksUrl(url.to_string()));
            }
            let fetcher = Fetcher::new(self.issuer.clone(), self.jwks_url)
                .map_err(|error| BuildError::Http(error.to_string()))?;
            let settings = FollowSettings { cooldown: self.jwks_cooldown, max_age: self.jwks_max_age };
            let follower = Follower::start(fetcher, settings, Arc::clone(&self.clock), Arc::clone(&counters));
            follower.first_reading(FIRST_READING).await;
            KeySource::Fetched(follower)
        };
        Ok(Verifier::new(Inner {
            expected: Expected { issuer: self.issuer, audience, leeway_seconds },
            keys,
            revocation: self.revocation,
            on_outage: self.on_outage,
            cache: TokenCache::new(self.token_cache_entries),
            policy: self.policy,
            clock: self.clock,
            counters,
            outage_logged_ms: AtomicU64::new(0),
        }))
    }
}

/// It may be plain http: on localhost, or inside.
fn is_web_url(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

impl fmt::Debug for VerifierBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifierBuilder")
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .field("leeway_seconds", &self.leeway_seconds)
            .finish_non_exhaustive()
    }
}
