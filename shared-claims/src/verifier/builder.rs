//! The settings of a verifier.

mod build;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::keys::KeySetHandle;
use super::payload::{Audience, ReadCustom, custom_claims, no_custom_claims};
use super::source::SourceChoice;
use crate::claims::{Claims, CustomClaims};
use crate::clock::{SharedClock, SystemClock};
use crate::metrics::{Observer, OptionalObserver};
use crate::outbound::ProxyUrl;
use crate::revocation::RevocationSource;

/// What happens to a valid token while it is not known whether it is revoked.
///
/// ```
/// use shared_claims::verifier::{OnOutage, Verifier};
///
/// // A revoked token may be accepted while Redis is unreachable, so that the service goes on.
/// let builder = Verifier::builder("https://id.example").audience("notes").on_outage(OnOutage::Accept);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnOutage {
    /// The token is refused with 503, because it might be revoked.
    #[default]
    Refuse,
    /// The token is accepted; this is logged and counted. A revoked token may be used until it expires.
    Accept,
}

/// A rule of the service for the claims of a valid token.
pub(super) type Policy<C> = Box<dyn Fn(&Claims<C>) -> bool + Send + Sync>;

/// Builds a [`Verifier`](super::Verifier). `HAS_POLICY` says whether a [`policy`](Self::policy) was set:
/// [`custom_claims`](VerifierBuilder::custom_claims) must be called before that.
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
    source: SourceChoice,
    on_outage: OnOutage,
    token_cache_entries: usize,
    custom: ReadCustom<C>,
    policies: Vec<Policy<C>>,
    observer: OptionalObserver,
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
            source: SourceChoice::NotChosen,
            on_outage: OnOutage::default(),
            token_cache_entries: 50_000,
            custom: no_custom_claims,
            policies: Vec::new(),
            observer: OptionalObserver::default(),
            clock: Arc::new(SystemClock),
        }
    }

    /// Also reads the service's custom claims, into [`Claims::custom`]. `T` is deserialised from the members of the payload
    /// for which [`Claims`] has no other field. A token for which this fails is refused
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
    /// A [`policy`](Self::policy) that was set before could not read these claims, so this order does not compile:
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
    /// Sets the resource identifier of this service, which must be in the token's `aud`. Required.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(Audience::This(audience.into()));
        self
    }

    /// Accepts tokens with any audience. For the issuer itself, which checks tokens that it issued for others. A service sets
    /// its [`audience`](Self::audience): otherwise it would accept a token that was issued for another service.
    ///
    /// ```
    /// # use shared_claims::verifier::{BuildError, KeySetHandle, Verifier};
    /// /// The verifier of an introspection endpoint.
    /// async fn issued(keys: KeySetHandle) -> Result<Verifier, BuildError> {
    ///     Verifier::builder("https://id.example").any_audience().keys(keys).without_revocation().build().await
    /// }
    /// ```
    pub fn any_audience(mut self) -> Self {
        self.audience = Some(Audience::Any);
        self
    }

    /// Sets how far the clocks of issuer and verifier may differ. The default is 10 s; at most 30 are allowed.
    pub fn leeway_seconds(mut self, seconds: u64) -> Self {
        self.leeway_seconds = seconds;
        self
    }

    /// Also accepts expired tokens. For the issuer itself, which has to know the session of an old token that it issued. A
    /// service that does this must not treat a token as a credential.
    ///
    /// ```
    /// # use shared_claims::verifier::{BuildError, KeySetHandle, Verifier};
    /// /// The verifier of a logout, which has to find the session of a browser's old cookie.
    /// async fn named(keys: KeySetHandle) -> Result<Verifier, BuildError> {
    ///     let builder = Verifier::builder("https://id.example").audience("https://id.example").keys(keys);
    ///     builder.without_revocation().accept_expired().build().await
    /// }
    /// ```
    pub fn accept_expired(mut self) -> Self {
        self.accepts_expired = true;
        self
    }

    /// Sets the URL of the key set (`http` or `https`). By default it is found by discovery.
    pub fn jwks_url(mut self, url: impl Into<String>) -> Self {
        self.jwks_url = Some(url.into());
        self
    }

    /// Sets the shortest time between two requests for the key set that unknown `kid`s cause. The default is 10 s.
    pub fn jwks_cooldown(mut self, cooldown: Duration) -> Self {
        self.jwks_cooldown = cooldown;
        self
    }

    /// Sets how long the last good key set may be used while the issuer is unreachable. The default is a day.
    pub fn jwks_max_age(mut self, max_age: Duration) -> Self {
        self.jwks_max_age = max_age;
        self
    }

    /// Uses the keys of this handle instead of requesting them. For the issuer itself.
    pub fn keys(mut self, keys: KeySetHandle) -> Self {
        self.keys = Some(keys);
        self
    }

    /// Learns revocations from the issuer's feed (`<issuer>/revocations`), with the default settings of
    /// [`Mirror::follow_feed`]. This, another source, or [`without_revocation`](Self::without_revocation) is required; the
    /// last call counts.
    ///
    /// [`Mirror::follow_feed`]: crate::revocation::Mirror::follow_feed
    #[cfg(feature = "feed")]
    pub fn follow_feed(mut self) -> Self {
        self.source = SourceChoice::feed();
        self
    }

    /// Learns revocations from Redis at this URL, with the default settings of [`Mirror::follow_redis`].
    ///
    /// [`Mirror::follow_redis`]: crate::revocation::Mirror::follow_redis
    #[cfg(feature = "redis")]
    pub fn follow_redis(mut self, url: impl Into<String>) -> Self {
        self.source = SourceChoice::redis(url.into());
        self
    }

    /// Sets the revocation source: a mirror with other settings, a lookup, or a custom source.
    pub fn revocation(mut self, source: RevocationSource) -> Self {
        self.source = SourceChoice::Source(source);
        self
    }

    /// Sends the requests to the issuer (for its keys, and for the feed of [`follow_feed`](Self::follow_feed)) through this
    /// proxy. By default no proxy is used: the environment's `HTTP_PROXY` and similar variables are ignored.
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

    /// Does not check revocation: a revoked token is accepted until it expires.
    pub fn without_revocation(mut self) -> Self {
        self.source = SourceChoice::WithoutRevocation;
        self
    }

    /// Sets what happens while it is not known whether a token is revoked. The default is [`OnOutage::Refuse`].
    pub fn on_outage(mut self, on_outage: OnOutage) -> Self {
        self.on_outage = on_outage;
        self
    }

    /// Sets how many tokens the cache of valid signatures holds. The default is 50,000; 0 means no cache.
    pub fn token_cache_entries(mut self, entries: usize) -> Self {
        self.token_cache_entries = entries;
        self
    }

    /// Adds a rule of the service for the claims. A token that breaks it is refused as `invalid_token`. The rule is called on
    /// every check, after the signature was verified. If there are several rules, a token must follow all of them.
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

    /// The same settings with other custom claims and rules.
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
            observer: self.observer,
            clock: self.clock,
        }
    }

    /// Sets the observer, which is called for each outcome. There is only one: the last call counts.
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.observer = OptionalObserver::new(observer);
        self
    }

    /// Sets the clock. The default is the system's.
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
