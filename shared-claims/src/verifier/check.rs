//! The checks of a token, the cheap ones first.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::builder::{OnOutage, Policy, VerifierBuilder};
use super::cache::{self, Digest, TokenCache};
use super::error::{Missing, Reason, VerifyError};
use super::keys::{KeySet, KeySource};
use super::metrics::{Counters, VerifierMetrics};
use super::payload::Expected;
use super::token::{MAX_TOKEN_BYTES, Parts};
use super::verified::Verified;
use crate::claims::{Claims, CustomClaims};
use crate::clock::SharedClock;
use crate::metrics::{self, MetricSample};
use crate::revocation::{RevocationSource, RevocationStatus, Verdict};

const UNKNOWN_KEY: VerifyError = VerifyError::Invalid(Reason::UnknownKey);

/// Verifies the access tokens of one issuer for one audience. Cheap to clone; the clones share everything. Its
/// background tasks run on the Tokio runtime on which it was built, and end when the last clone is dropped.
///
/// ```no_run
/// # async fn example(token: &str) -> Result<(), Box<dyn std::error::Error>> {
/// use shared_claims::revocation::{Mirror, MirrorSettings, RedisSettings};
/// use shared_claims::verifier::{Verifier, VerifyError};
///
/// let redis = RedisSettings::new("redis://localhost")?;
/// let verifier = Verifier::builder("http://localhost:8000")
///     .audience("notes-service")
///     .revocation(Mirror::follow_redis(redis, MirrorSettings::default()).into())
///     .build()
///     .await?;
/// match verifier.verify(token).await {
///     Ok(claims) => println!("{} may {}", claims.sub, claims.scope),
///     Err(VerifyError::Unavailable(_)) => println!("retry in a second"),
///     Err(error) => println!("{}: {error}", error.status()),
/// }
/// # Ok(())
/// # }
/// ```
pub struct Verifier<C = ()> {
    inner: Arc<Inner<C>>,
}

pub(super) struct Inner<C> {
    pub(super) expected: Expected<C>,
    pub(super) keys: KeySource,
    pub(super) revocation: Option<RevocationSource>,
    pub(super) on_outage: OnOutage,
    pub(super) cache: Option<TokenCache<C>>,
    pub(super) policies: Vec<Policy<C>>,
    pub(super) clock: SharedClock,
    pub(super) counters: Arc<Counters>,
    /// When tokens accepted under [`OnOutage::Accept`] were last logged, milliseconds of the boot clock; 0 for never.
    pub(super) outage_logged_ms: AtomicU64,
}

/// Whether a verifier can check tokens, for readiness probes.
///
/// ```
/// use shared_claims::verifier::VerifierStatus;
///
/// fn why_not_ready(status: &VerifierStatus) -> Option<&str> {
///     match (status.is_ready(), status.keys_loaded) {
///         (true, _) => None,
///         (false, false) => Some(status.keys_error.as_deref().unwrap_or("the keys were not read yet")),
///         (false, true) => Some("the revocation list is too old"),
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifierStatus {
    /// Whether the verifier has a key set that is recent enough to be used.
    pub keys_loaded: bool,
    /// The number of usable keys in the key set.
    pub keys: usize,
    /// The age of the key set, milliseconds; `None` without a key set, and for keys that are not fetched.
    pub keys_age_ms: Option<u64>,
    /// Why the last request for the key set failed; `None` if it succeeded.
    pub keys_error: Option<String>,
    /// The state of the revocation source; `None` without a source, and for one that reports no state.
    pub revocation: Option<RevocationStatus>,
}

impl VerifierStatus {
    /// Whether valid tokens are accepted at the moment.
    pub fn is_ready(&self) -> bool {
        self.keys_loaded && self.revocation.as_ref().is_none_or(|source| source.current)
    }
}

impl Verifier {
    /// Creates a builder of a verifier for the tokens of `issuer` (the URL exactly as in their `iss` claim).
    pub fn builder(issuer: &str) -> VerifierBuilder {
        VerifierBuilder::new(issuer)
    }
}

impl<C: CustomClaims> Verifier<C> {
    pub(super) fn new(inner: Inner<C>) -> Self {
        Self { inner: Arc::new(inner) }
    }

    /// Verifies a token (compact form, without `Bearer `) and returns its claims.
    ///
    /// # Errors
    /// [`VerifyError`] says whether the token is invalid, revoked, or cannot be checked now.
    pub async fn verify(&self, token: &str) -> Result<Verified<C>, VerifyError> {
        let outcome = self.inner.verify(token).await;
        self.inner.counters.outcome(&outcome);
        outcome
    }

    /// Like [`verify`](Self::verify), but never waits. Returns `None` where a check would have to wait: for a token
    /// with an unknown key, and with a revocation source that needs a network call.
    ///
    /// ```
    /// use shared_claims::verifier::{Verified, Verifier, VerifyError};
    ///
    /// async fn check(verifier: &Verifier, token: &str) -> Result<Verified, VerifyError> {
    ///     match verifier.verify_now(token) {
    ///         Some(outcome) => outcome,
    ///         None => verifier.verify(token).await,
    ///     }
    /// }
    /// ```
    pub fn verify_now(&self, token: &str) -> Option<Result<Verified<C>, VerifyError>> {
        let outcome = self.inner.verify_now(token)?;
        self.inner.counters.outcome(&outcome);
        Some(outcome)
    }

    /// The current state of the verifier.
    ///
    /// ```
    /// # use shared_claims::verifier::Verifier;
    /// fn readyz(verifier: &Verifier) -> u16 {
    ///     if verifier.status().is_ready() { 200 } else { 503 }
    /// }
    /// ```
    pub fn status(&self) -> VerifierStatus {
        let inner = &self.inner;
        let keys = inner.keys.with_keys(&*inner.clock, KeySet::len);
        let (keys_age_ms, keys_error) = match &inner.keys {
            KeySource::Handle(_) => (None, None),
            KeySource::Fetched(refresher) => (refresher.age_ms(), refresher.last_error()),
        };
        VerifierStatus {
            keys_loaded: keys.is_some(),
            keys: keys.unwrap_or(0),
            keys_age_ms,
            keys_error,
            revocation: inner.revocation.as_ref().and_then(RevocationSource::status),
        }
    }

    /// The counters of the verifier.
    ///
    /// ```
    /// # use shared_claims::verifier::Verifier;
    /// fn cache_hit_ratio(verifier: &Verifier) -> Option<u64> {
    ///     let counts = verifier.metrics();
    ///     (100 * counts.cache_hits).checked_div(counts.cache_hits + counts.cache_misses)
    /// }
    /// ```
    pub fn metrics(&self) -> VerifierMetrics {
        self.inner.counters.snapshot()
    }

    /// The current value of every metric of the [table](crate::metrics#the-numbers), for a metrics registry.
    ///
    /// ```
    /// # use shared_claims::verifier::Verifier;
    /// fn prometheus_text(verifier: &Verifier) -> String {
    ///     let line = |name: &str, value: f64| format!("{name} {value}\n");
    ///     let lines = verifier.metric_samples().into_iter().map(|sample| match sample.label {
    ///         None => line(sample.metric.name(), sample.value),
    ///         Some((label, of)) => line(&format!("{}{{{label}=\"{of}\"}}", sample.metric.name()), sample.value),
    ///     });
    ///     lines.collect()
    /// }
    /// ```
    pub fn metric_samples(&self) -> Vec<MetricSample> {
        metrics::metric_samples(&self.metrics(), &self.status())
    }
}

impl<C> Clone for Verifier<C> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<C> fmt::Debug for Verifier<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("issuer", &self.inner.expected.issuer)
            .field("audience", &self.inner.expected.audience)
            .field("keys", &self.inner.keys)
            .field("revocation", &self.inner.revocation)
            .finish_non_exhaustive()
    }
}

impl<C: CustomClaims> Inner<C> {
    async fn verify(&self, token: &str) -> Result<Verified<C>, VerifyError> {
        let verified = match self.identify(token) {
            // The issuer may have a new key. Only a token with an unknown key waits for the new key set.
            Err(UNKNOWN_KEY) if self.keys.refresh_for_unknown_kid().await => self.identify(token)?,
            outcome => outcome?,
        };
        let verdict = match &self.revocation {
            None => Verdict::NotRevoked,
            Some(source) => match source.check_now(&verified.revocation_query()) {
                Some(verdict) => verdict,
                None => source.check(&verified.revocation_query()).await,
            },
        };
        self.conclude(token, verified, verdict)
    }

    fn verify_now(&self, token: &str) -> Option<Result<Verified<C>, VerifyError>> {
        // Decided before the token is parsed, so that no signature is checked in vain.
        let answers_at_once = matches!(self.revocation, None | Some(RevocationSource::Mirror(_)));
        if !answers_at_once {
            return None;
        }
        let verified = match self.identify(token) {
            Err(UNKNOWN_KEY) if self.keys.is_fetched() => return None,
            Err(error) => return Some(Err(error)),
            Ok(verified) => verified,
        };
        let verdict = match &self.revocation {
            None => Verdict::NotRevoked,
            Some(source) => source.check_now(&verified.revocation_query())?,
        };
        Some(self.conclude(token, verified, verdict))
    }

    /// Every check except revocation. Uses the cache where possible.
    fn identify(&self, token: &str) -> Result<Verified<C>, VerifyError> {
        let Some(cache) = &self.cache else { return self.check(token) };
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Reason::TooLong.into());
        }
        let digest = cache::digest(token);
        if let Some(verified) = self.find_cached(cache, &digest)? {
            self.counters.cache_asked(true);
            return Ok(verified);
        }
        let verified = self.check(token)?;
        self.counters.cache_asked(false);
        cache.insert(digest, verified.clone());
        Ok(verified)
    }

    /// Looks a token up in the cache. It counts only if the key with which it was checked is still in the key set. The
    /// times and the policies are checked again, because their result can change during a token's life.
    fn find_cached(
        &self,
        cache: &TokenCache<C>,
        digest: &Digest,
    ) -> Result<Option<Verified<C>>, VerifyError> {
        let Some(verified) = cache.get(digest) else { return Ok(None) };
        if let Err(reason) = self.check_times(&verified) {
            cache.remove(digest);
            return Err(reason.into());
        }
        let key = verified.key();
        let is_current =
            |set: &KeySet| set.get(key.kid()).is_some_and(|now| now.fingerprint() == key.fingerprint());
        if !self.with_keys(is_current)? {
            cache.remove(digest);
            return Ok(None);
        }
        self.check_policies(&verified)?;
        Ok(Some(verified))
    }

    /// The checks that need only the token and the key set: first shape, claims and times, which cost little, then the
    /// signature.
    fn check(&self, token: &str) -> Result<Verified<C>, VerifyError> {
        let parts = Parts::parse(token)?;
        parts.require_access_token()?;
        let claims = self.expected.read(&parts.payload)?;
        self.check_times(&claims)?;
        let key = self.with_keys(|set| set.get(&parts.kid).map(Arc::clone))?.ok_or(UNKNOWN_KEY)?;
        if !key.verifies(parts.signed.as_bytes(), &parts.signature) {
            return Err(Reason::Signature.into());
        }
        self.check_policies(&claims)?;
        Ok(Verified::new(claims, key))
    }

    fn with_keys<T>(&self, read: impl FnOnce(&KeySet) -> T) -> Result<T, VerifyError> {
        self.keys.with_keys(&*self.clock, read).ok_or(VerifyError::Unavailable(Missing::Keys))
    }

    fn check_policies(&self, claims: &Claims<C>) -> Result<(), Reason> {
        if self.policies.iter().all(|rule| rule(claims)) { Ok(()) } else { Err(Reason::Policy) }
    }

    fn check_times(&self, claims: &Claims<C>) -> Result<(), Reason> {
        self.expected.check_times(claims, self.clock.now_seconds())
    }

    /// Combines the revocation source's answer with the token. The times are checked again, because waiting for that
    /// answer may have taken a while.
    fn conclude(
        &self,
        token: &str,
        verified: Verified<C>,
        verdict: Verdict,
    ) -> Result<Verified<C>, VerifyError> {
        match (verdict, self.on_outage) {
            (Verdict::NotRevoked, _) => {}
            (Verdict::Revoked(kind), _) => {
                if let Some(cache) = &self.cache {
                    cache.remove(&cache::digest(token));
                }
                return Err(VerifyError::Revoked(kind));
            }
            (Verdict::Unknown, OnOutage::Refuse) => {
                return Err(VerifyError::Unavailable(Missing::Revocations));
            }
            (Verdict::Unknown, OnOutage::Accept) => self.accept_unknown(),
        }
        self.check_times(&verified)?;
        Ok(verified)
    }

    /// Counts a token that is accepted although it may be revoked. Logs this at most every ten seconds.
    fn accept_unknown(&self) {
        const QUIET_MS: u64 = 10_000;
        let accepted = self.counters.accepted_on_outage();
        let now = self.clock.boot_ms().max(1);
        let last = self.outage_logged_ms.load(Ordering::Relaxed);
        if (last == 0 || now.saturating_sub(last) >= QUIET_MS)
            && self.outage_logged_ms.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            tracing::warn!(accepted, "tokens are accepted although it is not known what is revoked");
        }
    }
}
