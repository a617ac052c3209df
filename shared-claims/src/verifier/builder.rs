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
use super::payload::{Audience, Expected, ReadCustom, custom_claims, no_custom_claims};
use super::self_test;
use super::source::Source;
use crate::claims::{Claims, CustomClaims};
use crate::clock::{SharedClock, SystemClock};
use crate::jitter::Jitter;
use crate::metrics::{Observed, Observer};
use crate::outbound::ProxyUrl;
use crate::revocation::Revocation;
use crate::revocation::contract::MAX_LEEWAY_S;

/// How long `build` waits for the first reading of the key set.
const FIRST_READING: Duration = Duration::from_secs(2);

/// What happens to a good token while the revocation source cannot tell.
///
/// ```
/// use shared_claims::verifier::{OnOutage, Verifier};
///
/// // Rather a revoked token now and then than no service while Redis is away.
/// let builder = Verifier::builder("https://id.example").audience("notes").on_outage(OnOutage::Accept);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnOutage {
    /// 503: nothing is accepted that might be revoked.
    #[default]
    Refuse,
    /// Accepted, logged and counted: a revoked token may live on until it expires.
    Accept,
}

/// A rule of the service's own, asked after the claims were found good.
pub(super) type Policy<C> = Box<dyn Fn(&Claims<C>) -> bool + Send + Sync>;

/// Builds a [`Verifier`].
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use shared_claims::clock::SystemClock;
/// use shared_claims::metrics::Observer;
/// use shared_claims::revocation::Mirror;
/// use shared_claims::verifier::{BuildError, KeySetHandle, OnOutage, Verifier, VerifierBuilder};
///
/// fn usual(builder: VerifierBuilder, redis: Option<String>) -> VerifierBuilder {
///     match redis {
///         Some(url) => builder.audience("notes-service").follow_redis(url),
///         None => builder.audience("notes-service").follow_feed(),
///     }
/// }
///
/// fn strict(builder: VerifierBuilder, mirror: Mirror) -> VerifierBuilder {
///     builder
///         .audience("notes-service")
///         .leeway_seconds(2)
///         .revocation(mirror.into())
///         .on_outage(OnOutage::Refuse)
///         .jwks_url("https://id.example/keys")
///         .jwks_cooldown(Duration::from_secs(30))
///         .jwks_max_age(Duration::from_secs(3_600))
///         .token_cache_entries(1_000)
/// }
///
/// /// For a service that holds the issuer's keys itself.
/// async fn inside(keys: KeySetHandle, observer: impl Observer) -> Result<Verifier, BuildError> {
///     let builder = Verifier::builder("https://id.example").audience("notes-service").keys(keys);
///     builder.without_revocation().observer(observer).clock(Arc::new(SystemClock)).build().await
/// }
/// ```
#[must_use = "a builder does nothing until it is built"]
pub struct VerifierBuilder<C = ()> {
    issuer: String,
    audience: Option<Audience>,
    leeway_seconds: u64,
    accepts_expired: bool,
    jwks_url: Option<String>,
    jwks_cooldown: Duration,
    jwks_max_age: Duration,
    proxy: Option<ProxyUrl>,
    keys: Option<KeySetHandle>,
    source: Source,
    on_outage: OnOutage,
    token_cache_entries: usize,
    custom: ReadCustom<C>,
    policies: Vec<Policy<C>>,
    lost_policy: bool,
    observed: Observed,
    clock: SharedClock,
}

impl VerifierBuilder {
    pub(super) fn new(issuer: &str) -> Self {
        Self {
            issuer: issuer.to_owned(),
            audience: None,
            leeway_seconds: 10,
            accepts_expired: false,
            jwks_url: None,
            jwks_cooldown: Duration::from_secs(10),
            jwks_max_age: Duration::from_secs(86_400),
            proxy: None,
            keys: None,
            source: Source::Unsaid,
            on_outage: OnOutage::default(),
            token_cache_entries: 50_000,
            custom: no_custom_claims,
            policies: Vec::new(),
            lost_policy: false,
            observed: Observed::default(),
            clock: Arc::new(SystemClock),
        }
    }
}

impl<C: CustomClaims> VerifierBuilder<C> {
    /// The resource identifier of this service, which `aud` must hold. Required.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(Audience::This(audience.into()));
        self
    }

    /// Takes tokens whomever they are for: for the issuer itself, which has to look at what it gave others. A service names
    /// its [`audience`](Self::audience); without that, a token that was given for another service would open this one.
    ///
    /// ```
    /// # use shared_claims::verifier::{BuildError, KeySetHandle, Verifier};
    /// /// What an introspection endpoint asks.
    /// async fn issued(keys: KeySetHandle) -> Result<Verifier, BuildError> {
    ///     Verifier::builder("https://id.example").any_audience().keys(keys).without_revocation().build().await
    /// }
    /// ```
    pub fn any_audience(mut self) -> Self {
        self.audience = Some(Audience::Any);
        self
    }

    /// How far the clocks of issuer and verifier may be apart: 10 s unless said otherwise, at most 30.
    pub fn leeway_seconds(mut self, seconds: u64) -> Self {
        self.leeway_seconds = seconds;
        self
    }

    /// Takes tokens that have expired, too: for the issuer itself, which has to know what an old token of its own names. No
    /// token is a credential for a service that says this.
    ///
    /// ```
    /// # use shared_claims::verifier::{BuildError, KeySetHandle, Verifier};
    /// /// What a logout asks, to know which session a browser's old cookie belongs to.
    /// async fn named(keys: KeySetHandle) -> Result<Verifier, BuildError> {
    ///     let builder = Verifier::builder("https://id.example").audience("https://id.example").keys(keys);
    ///     builder.without_revocation().accept_expired().build().await
    /// }
    /// ```
    pub fn accept_expired(mut self) -> Self {
        self.accepts_expired = true;
        self
    }

    /// Where the key set is (an `http` or `https` URL); found by discovery unless said.
    pub fn jwks_url(mut self, url: impl Into<String>) -> Self {
        self.jwks_url = Some(url.into());
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

    /// Revocations are learnt from the issuer's feed, `<issuer>/revocations`, as [`Mirror::follow_feed`] does unless told
    /// otherwise. This, or another source, or [`without_revocation`](Self::without_revocation) is required; the last one
    /// said counts.
    ///
    /// [`Mirror::follow_feed`]: crate::revocation::Mirror::follow_feed
    #[cfg(feature = "feed")]
    pub fn follow_feed(mut self) -> Self {
        self.source = Source::feed();
        self
    }

    /// Revocations are learnt from Redis at that URL, as [`Mirror::follow_redis`] does unless told otherwise.
    ///
    /// [`Mirror::follow_redis`]: crate::revocation::Mirror::follow_redis
    #[cfg(feature = "redis")]
    pub fn follow_redis(mut self, url: impl Into<String>) -> Self {
        self.source = Source::redis(url.into());
        self
    }

    /// Where revocations are learnt, in full: under settings of its own, by lookup, or from a source of the service's own.
    pub fn revocation(mut self, source: Revocation) -> Self {
        self.source = Source::Given(source);
        self
    }

    /// Asks the issuer, for its keys and for the feed of [`follow_feed`](Self::follow_feed), through this proxy. Without it
    /// no proxy is used: the environment's `HTTP_PROXY` and the like are ignored.
    ///
    /// ```
    /// # use shared_claims::{outbound::{InvalidProxyUrl, ProxyUrl}, verifier::Verifier};
    /// let proxy = ProxyUrl::parse("http://proxy.example:3128")?;
    /// let builder = Verifier::builder("https://id.example").audience("notes-service").proxy(proxy);
    /// # Ok::<(), InvalidProxyUrl>(())
    /// ```
    pub fn proxy(mut self, proxy: ProxyUrl) -> Self {
        self.proxy = Some(proxy);
        self
    }

    /// Tokens are accepted until they expire, revoked or not.
    pub fn without_revocation(mut self) -> Self {
        self.source = Source::None;
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

    /// Reads claims of the service's own too, into [`Claims::custom`]: `T` is deserialised from the members that no other
    /// field of [`Claims`] takes, and a token from which it cannot be is refused
    /// ([`Reason::Claims`](super::Reason::Claims)). To be said before [`policy`](Self::policy).
    ///
    /// ```
    /// # use shared_claims::verifier::Verifier;
    /// #[derive(Clone, Debug, serde::Deserialize)]
    /// struct Tenant {
    ///     tenant: String,
    /// }
    ///
    /// let builder = Verifier::builder("http://localhost:8000")
    ///     .audience("notes-service")
    ///     .custom_claims::<Tenant>()
    ///     .policy(|claims| claims.custom.tenant == "acme");
    /// ```
    pub fn custom_claims<T: CustomClaims>(self) -> VerifierBuilder<T> {
        VerifierBuilder {
            issuer: self.issuer,
            audience: self.audience,
            leeway_seconds: self.leeway_seconds,
            accepts_expired: self.accepts_expired,
            jwks_url: self.jwks_url,
            jwks_cooldown: self.jwks_cooldown,
            jwks_max_age: self.jwks_max_age,
            proxy: self.proxy,
            keys: self.keys,
            source: self.source,
            on_outage: self.on_outage,
            token_cache_entries: self.token_cache_entries,
            custom: custom_claims,
            policies: Vec::new(),
            lost_policy: self.lost_policy || !self.policies.is_empty(),
            observed: self.observed,
            clock: self.clock,
        }
    }

    /// A rule of the service's own over the claims; a token that breaks it is `invalid_token`. It is asked on every
    /// check, after the signature was found good. Of several, all have to hold. One that was set before
    /// [`custom_claims`](Self::custom_claims) cannot be asked about other claims: the verifier is not built then.
    ///
    /// ```
    /// # use shared_claims::verifier::Verifier;
    /// let builder = Verifier::builder("http://localhost:8000")
    ///     .audience("http://localhost:8000")
    ///     .policy(|claims| claims.client_id == "first-party");
    /// ```
    pub fn policy(mut self, rule: impl Fn(&Claims<C>) -> bool + Send + Sync + 'static) -> Self {
        self.policies.push(Box::new(rule));
        self
    }

    /// Who is told of each outcome as it happens. One at a time: the last one said.
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.observed = Observed::by(observer);
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
    pub async fn build(self) -> Result<Verifier<C>, BuildError> {
        // RFC 8414 §2: an issuer has no query and no fragment.
        if web_url(&self.issuer).is_none() || self.issuer.contains(['?', '#']) {
            return Err(BuildError::Issuer(self.issuer));
        }
        let named = self.audience.filter(|audience| *audience != Audience::This(String::new()));
        let audience = named.ok_or(BuildError::NoAudience)?;
        let Ok(leeway_seconds @ 0..=MAX_LEEWAY_S) = i64::try_from(self.leeway_seconds) else {
            return Err(BuildError::Leeway(self.leeway_seconds));
        };
        if self.lost_policy {
            return Err(BuildError::PolicyBeforeClaims);
        }
        if !self_test::passes() {
            return Err(BuildError::SelfTest);
        }
        let revocation = self.source.open(&self.issuer, &self.clock, self.proxy.as_ref())?;
        let counters = Arc::new(Counters::observed(self.observed));
        let keys = if let Some(handle) = self.keys {
            KeySource::Handle(handle)
        } else {
            let jwks_url = match self.jwks_url {
                Some(text) => Some(web_url(&text).ok_or(BuildError::JwksUrl(text))?),
                None => None,
            };
            let fetcher = Fetcher::new(self.issuer.clone(), jwks_url, self.proxy.as_ref())
                .map_err(|error| BuildError::Http(error.to_string()))?;
            let settings = FollowSettings {
                cooldown: self.jwks_cooldown,
                max_age: self.jwks_max_age,
                jitter: Jitter::system(),
            };
            let follower = Follower::start(fetcher, settings, Arc::clone(&self.clock), Arc::clone(&counters));
            follower.first_reading(FIRST_READING).await;
            KeySource::Fetched(follower)
        };
        Ok(Verifier::new(Inner {
            expected: Expected {
                issuer: self.issuer,
                audience,
                leeway_seconds,
                accepts_expired: self.accepts_expired,
                custom: self.custom,
            },
            keys,
            revocation,
            on_outage: self.on_outage,
            cache: TokenCache::new(self.token_cache_entries),
            policies: self.policies,
            clock: self.clock,
            counters,
            outage_logged_ms: AtomicU64::new(0),
        }))
    }
}

/// It may be plain http: on localhost, or inside.
fn web_url(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

impl<C> fmt::Debug for VerifierBuilder<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifierBuilder")
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .field("leeway_seconds", &self.leeway_seconds)
            .finish_non_exhaustive()
    }
}
