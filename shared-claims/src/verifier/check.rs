//! The check of a token, cheap things first.

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
use crate::metrics::{self, Sample};
use crate::revocation::{Revocation, RevocationStatus, Verdict};

const UNKNOWN_KEY: VerifyError = VerifyError::Invalid(Reason::UnknownKey);

/// Verifies the access tokens of one issuer for one audience. Cheap to clone; the clones share everything. What
/// happens in the background runs on the Tokio runtime that it was built on, and ends with the last clone.
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
///     Err(VerifyError::Unavailable(_)) => println!("ask again in a second"),
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
    pub(super) revocation: Option<Revocation>,
    pub(super) on_outage: OnOutage,
    pub(super) cache: Option<TokenCache<C>>,
    pub(super) policies: Vec<Policy<C>>,
    pub(super) clock: SharedClock,
    pub(super) counters: Arc<Counters>,
    /// When [`OnOutage::Accept`] was last logged, on the boot clock; 0 for never.
    pub(super) outage_logged_ms: AtomicU64,
}

/// Whether a verifier can do its work, for readiness probes.
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
    /// Whether there is a key set that may be used.
    pub keys_loaded: bool,
    /// How many keys of it serve.
    pub keys: usize,
    /// How old it is; `None` without one, and for keys that are not fetched.
    pub keys_age_ms: Option<u64>,
    /// Why the last reading of the key set failed, if it did.
    pub keys_error: Option<String>,
    /// The state of the revocation source; `None` without one, and where it does not tell.
    pub revocation: Option<RevocationStatus>,
}

impl VerifierStatus {
    /// Whether good tokens are accepted now.
    pub fn is_ready(&self) -> bool {
        self.keys_loaded && self.revocation.as_ref().is_none_or(|source| source.current)
    }
}

impl Verifier {
    /// Starts the description of a verifier for the tokens of `issuer` (the URL as its tokens' `iss` has it).
    pub fn builder(issuer: &str) -> VerifierBuilder {
        VerifierBuilder::new(issuer)
    }
}

impl<C: CustomClaims> Verifier<C> {
    pub(super) fn new(inner: Inner<C>) -> Self {
        Self { inner: Arc::new(inner) }
    }

    /// Checks a token (compact form, without `Bearer `) and gives its claims.
    ///
    /// # Errors
    /// [`VerifyError`] says whether the token is bad, revoked, or cannot be checked now.
    pub async fn verify(&self, token: &str) -> Result<Verified<C>, VerifyError> {
        let outcome = self.inner.verify(token).await;
        self.inner.counters.outcome(&outcome);
        outcome
    }

    /// The same without waiting; `None` where [`verify`](Self::verify) would have to: for a token of a key that is not
    /// known yet, and with a source of revocations that is asked over the network.
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

    /// How the verifier is.
    ///
    /// ```
    /// # use shared_claims::verifier::Verifier;
    /// fn readyz(verifier: &Verifier) -> u16 {
    ///     if verifier.status().is_ready() { 200 } else { 503 }
    /// }
    /// ```
    pub fn status(&self) -> VerifierStatus {
        let inner = &self.inner;
        let keys = inner.keys.look(&*inner.clock, KeySet::len);
        let (keys_age_ms, keys_error) = match &inner.keys {
            KeySource::Handle(_) => (None, None),
            KeySource::Fetched(follower) => (follower.age_ms(), follower.last_error()),
        };
        VerifierStatus {
            keys_loaded: keys.is_some(),
            keys: keys.unwrap_or(0),
            keys_age_ms,
            keys_error,
            revocation: inner.revocation.as_ref().and_then(Revocation::status),
        }
    }

    /// What was counted so far.
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

    /// Every number of the [table](crate::metrics#the-numbers) as it stands, for a registry of yours.
    ///
    /// ```
    /// # use shared_claims::verifier::Verifier;
    /// fn prometheus_text(verifier: &Verifier) -> String {
    ///     let line = |name: &str, value: f64| format!("{name} {value}\n");
    ///     let lines = verifier.samples().into_iter().map(|sample| match sample.label {
    ///         None => line(sample.metric.name(), sample.value),
    ///         Some((label, of)) => line(&format!("{}{{{label}=\"{of}\"}}", sample.metric.name()), sample.value),
    ///     });
    ///     lines.collect()
    /// }
    /// ```
    pub fn samples(&self) -> Vec<Sample> {
        metrics::samples(&self.metrics(), &self.status())
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
            // The issuer may have a new key: this token, and it alone, waits for a look.
            Err(UNKNOWN_KEY) if self.keys.refetched().await => self.identify(token)?,
            outcome => outcome?,
        };
        let verdict = match &self.revocation {
            None => Verdict::Live,
            Some(source) => match source.check_now(&verified.marks()) {
                Some(verdict) => verdict,
                None => source.check(&verified.marks()).await,
            },
        };
        self.conclude(token, verified, verdict)
    }

    fn verify_now(&self, token: &str) -> Option<Result<Verified<C>, VerifyError>> {
        // Known without a token, so that no signature is checked in vain.
        let answers_at_once = matches!(self.revocation, None | Some(Revocation::Mirror(_)));
        if !answers_at_once {
            return None;
        }
        let verified = match self.identify(token) {
            Err(UNKNOWN_KEY) if self.keys.is_fetched() => return None,
            Err(error) => return Some(Err(error)),
            Ok(verified) => verified,
        };
        let verdict = match &self.revocation {
            None => Verdict::Live,
            Some(source) => source.check_now(&verified.marks())?,
        };
        Some(self.conclude(token, verified, verdict))
    }

    /// Everything but the revocation list, from the cache where it can be.
    fn identify(&self, token: &str) -> Result<Verified<C>, VerifyError> {
        let Some(cache) = &self.cache else { return self.check(token) };
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Reason::TooLong.into());
        }
        let digest = cache::digest(token);
        if let Some(verified) = self.remembered(cache, &digest)? {
            self.counters.cache_asked(true);
            return Ok(verified);
        }
        let verified = self.check(token)?;
        self.counters.cache_asked(false);
        cache.insert(digest, verified.clone());
        Ok(verified)
    }

    /// A token whose signature was found good before, if the very key that it was checked with still serves. Whatever
    /// may change while a token lives is looked at again.
    fn remembered(&self, cache: &TokenCache<C>, digest: &Digest) -> Result<Option<Verified<C>>, VerifyError> {
        let Some(verified) = cache.get(digest) else { return Ok(None) };
        if let Err(reason) = self.check_times(&verified) {
            cache.remove(digest);
            return Err(reason.into());
        }
        let key = verified.key();
        let serves =
            |set: &KeySet| set.get(key.kid()).is_some_and(|now| now.fingerprint() == key.fingerprint());
        if !self.look_at_keys(serves)? {
            cache.remove(digest);
            return Ok(None);
        }
        self.check_policies(&verified)?;
        Ok(Some(verified))
    }

    /// Everything that is the token's own: shape, claims and times, which cost little, then the signature.
    fn check(&self, token: &str) -> Result<Verified<C>, VerifyError> {
        let parts = Parts::parse(token)?;
        parts.require_access_token()?;
        let claims = self.expected.read(&parts.payload)?;
        self.check_times(&claims)?;
        let key = self.look_at_keys(|set| set.get(&parts.kid).map(Arc::clone))?.ok_or(UNKNOWN_KEY)?;
        if !key.verifies(parts.signed.as_bytes(), &parts.signature) {
            return Err(Reason::Signature.into());
        }
        self.check_policies(&claims)?;
        Ok(Verified::new(claims, key))
    }

    fn look_at_keys<T>(&self, look: impl FnOnce(&KeySet) -> T) -> Result<T, VerifyError> {
        self.keys.look(&*self.clock, look).ok_or(VerifyError::Unavailable(Missing::Keys))
    }

    fn check_policies(&self, claims: &Claims<C>) -> Result<(), Reason> {
        if self.policies.iter().all(|rule| rule(claims)) { Ok(()) } else { Err(Reason::Policy) }
    }

    fn check_times(&self, claims: &Claims<C>) -> Result<(), Reason> {
        self.expected.check_times(claims, self.clock.now_seconds())
    }

    /// What the source's answer makes of a token. The clock is looked at once more, after that answer.
    fn conclude(
        &self,
        token: &str,
        verified: Verified<C>,
        verdict: Verdict,
    ) -> Result<Verified<C>, VerifyError> {
        match (verdict, self.on_outage) {
            (Verdict::Live, _) => {}
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

    /// Counts a token that is accepted although it may be revoked, and says so every ten seconds.
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
