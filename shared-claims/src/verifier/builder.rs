//! Putting a verifier together.

mod build;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::keys::KeySetHandle;
use super::payload::{Audience, ReadCustom, custom_claims, no_custom_claims};
use super::source::Source;
use crate::claims::{Claims, CustomClaims};
use crate::clock::{SharedClock, SystemClock};
use crate::metrics::{Observed, Observer};
use crate::outbound::ProxyUrl;
use crate::revocation::RevocationSource;

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

/// Builds a [`Verifier`](super::Verifier). `HAS_POLICY` says whether a [`policy`](Self::policy) was set: claims of the service's own
/// ([`custom_claims`](VerifierBuilder::custom_claims)) are named before that.
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
pub struct VerifierBuilder<C = (), const HAS_POLICY: bool = false> {
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
            observed: Observed::default(),
            clock: Arc::new(SystemClock),
        }
    }

    /// Reads claims of the service's own too, into [`Claims::custom`]: `T` is deserialised from the members that no other
    /// field of [`Claims`] takes, and a token from which it cannot be is refused
    /// ([`Reason::Claims`](super::Reason::Claims)).
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
    ///
    /// A [`policy`](Self::policy) that was set before could not be asked about these claims, so that does not compile:
    ///
    /// ```compile_fail,E0599
    /// # use shared_claims::verifier::Verifier;
    /// # #[derive(Clone, Debug, serde::Deserialize)]
    /// # struct Tenant {
    /// #     tenant: String,
    /// # }
    /// let builder = Verifier::builder("http://localhost:8000")
    ///     .policy(|claims| claims.client_id == "first-party")
    ///     .custom_claims::<Tenant>();
    /// ```
    pub fn custom_claims<T: CustomClaims>(self) -> VerifierBuilder<T> {
        self.with(custom_claims, Vec::new())
    }
}

impl<C: CustomClaims, const HAS_POLICY: bool> VerifierBuilder<C, HAS_POLICY> {
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
    pub fn revocation(mut self, source: RevocationSource) -> Self {
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

    /// A rule of the service's own over the claims; a token that breaks it is `invalid_token`. It is asked on every
    /// check, after the signature was found good. Of several, all have to hold.
    ///
    /// ```
    /// # use shared_claims::verifier::Verifier;
    /// let builder = Verifier::builder("http://localhost:8000")
    ///     .audience("http://localhost:8000")
    ///     .policy(|claims| claims.client_id == "first-party");
    /// ```
    pub fn policy(
        mut self,
        rule: impl Fn(&Claims<C>) -> bool + Send + Sync + 'static,
    ) -> VerifierBuilder<C, true> {
        let mut policies = std::mem::take(&mut self.policies);
        policies.push(Box::new(rule));
        let custom = self.custom;
        self.with(custom, policies)
    }

    /// The same settings with other claims, or with other rules.
    fn with<T, const WITH_POLICY: bool>(
        self,
        custom: ReadCustom<T>,
        policies: Vec<Policy<T>>,
    ) -> VerifierBuilder<T, WITH_POLICY> {
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
            custom,
            policies,
            observed: self.observed,
            clock: self.clock,
        }
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
}

impl<C, const HAS_POLICY: bool> fmt::Debug for VerifierBuilder<C, HAS_POLICY> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifierBuilder")
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .field("leeway_seconds", &self.leeway_seconds)
            .finish_non_exhaustive()
    }
}
