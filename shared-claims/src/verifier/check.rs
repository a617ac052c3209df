//! The check of a token, cheap things first.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::builder::{OnOutage, Policy, VerifierBuilder};
use super::cache::{Entry, TokenCache};
use super::error::{Missing, Reason, VerifyError};
use super::keys::{KeySource, PublicKey};
use super::metrics::{Counters, VerifierMetrics, count};
use super::payload::Expected;
use super::token::{MAX_TOKEN_BYTES, Parts};
use super::verified::Verified;
use crate::claims::Claims;
use crate::clock::SharedClock;
use crate::revocation::{Revocation, RevocationStatus, Verdict};

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
#[derive(Clone)]
pub struct Verifier {
    inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) expected: Expected,
    pub(super) keys: KeySource,
    pub(super) revocation: Option<Revocation>,
    pub(super) on_outage: OnOutage,
    pub(super) cache: Option<TokenCache>,
    pub(super) policy: Option<Policy>,
    pub(super) clock: SharedClock,
    pub(super) counters: Arc<Counters>,
    /// When [`OnOutage::Accept`] was last logged, on the boot clock; 0 for never.
    pub(super) outage_logged_ms: AtomicU64,
}

/// Whether a verifier can do its work, for readiness probes.
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

    pub(super) fn new(inner: Inner) -> Self {
        Self { inner: Arc::new(inner) }
    }

    /// Checks a token (compact form, without `Bearer `) and gives its claims.
    ///
    /// # Errors
    /// [`VerifyError`] says whether the token is bad, revoked, or cannot be checked now.
    pub async fn verify(&self, token: &str) -> Result<Verified, VerifyError> {
        let outcome = self.inner.verify(token).await;
        self.inner.counters.count_outcome(&outcome);
        outcome
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
        let set = inner.keys.current(&*inner.clock);
        let (keys_age_ms, keys_error) = match &inner.keys {
            KeySource::Handle(_) => (None, None),
            KeySource::Fetched(follower) => (follower.age_ms(), follower.last_error()),
        };
        VerifierStatus {
            keys_loaded: set.is_some(),
            keys: set.map_or(0, |set| set.len()),
            keys_age_ms,
            keys_error,
            revocation: inner.revocation.as_ref().and_then(Revocation::status),
        }
    }

    /// What was counted so far.
    ///
    /// ```
    /// # use shared_claims::verifier::Verifier;
    /// fn lines(verifier: &Verifier) -> Vec<String> {
    ///     let refused = verifier.metrics().refused;
    ///     refused
    ///         .into_iter()
    ///         .map(|(reason, count)| format!("tokens_refused{{reason=\"{}\"}} {count}", reason.as_str()))
    ///         .collect()
    /// }
    /// ```
    pub fn metrics(&self) -> VerifierMetrics {
        self.inner.counters.snapshot()
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("expected", &self.inner.expected)
            .field("keys", &self.inner.keys)
            .field("revocation", &self.inner.revocation)
            .finish_non_exhaustive()
    }
}

impl Inner {
    async fn verify(&self, token: &str) -> Result<Verified, VerifyError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Reason::TooLong.into());
        }
        let digest = self.cache.as_ref().map(|_| TokenCache::digest(token));
        let remembered = match (&self.cache, &digest) {
            (Some(cache), Some(digest)) => self.remembered(cache, digest)?,
            _ => None,
        };
        let verified = if let Some(verified) = remembered {
            verified
        } else {
            let verified = self.check(token).await?;
            if let (Some(cache), Some(digest)) = (&self.cache, digest) {
                let (claims, key) = (Arc::clone(&verified.claims), Arc::clone(&verified.key));
                cache.insert(digest, Entry { claims, key });
            }
            verified
        };
        let outcome = self.check_live(&verified).await;
        if let (Err(VerifyError::Invalid(_) | VerifyError::Revoked(_)), Some(cache), Some(digest)) =
            (&outcome, &self.cache, &digest)
        {
            cache.remove(digest);
        }
        outcome.map(|()| verified)
    }

    /// A token whose signature was found good before, if the very key that it was checked with still serves.
    fn remembered(&self, cache: &TokenCache, digest: &[u8; 32]) -> Result<Option<Verified>, VerifyError> {
        let Some(Entry { claims, key }) = cache.get(digest) else {
            count(&self.counters.cache_misses);
            return Ok(None);
        };
        let set = self.keys.current(&*self.clock);
        let same = |now: &Arc<PublicKey>| now.fingerprint() == key.fingerprint();
        if set.as_ref().is_some_and(|set| !set.get(key.kid()).is_some_and(same)) {
            cache.remove(digest);
            count(&self.counters.cache_misses);
            return Ok(None);
        }
        count(&self.counters.cache_hits);
        self.check_times(&claims)?;
        set.ok_or(VerifyError::Unavailable(Missing::Keys))?;
        self.check_policy(&claims)?;
        Ok(Some(Verified { claims, key }))
    }

    /// Everything that is the token's own: shape, claims and times, which cost little, then the signature.
    async fn check(&self, token: &str) -> Result<Verified, VerifyError> {
        let parts = Parts::parse(token)?;
        parts.require_access_token()?;
        let claims = self.expected.read(&parts.payload)?;
        self.check_times(&claims)?;
        let key = self.find_key(&parts.kid).await?;
        if !key.verifies(parts.signed.as_bytes(), &parts.signature) {
            return Err(Reason::Signature.into());
        }
        self.check_policy(&claims)?;
        Ok(Verified { claims: Arc::new(claims), key })
    }

    /// The key of that id. Where there is none the issuer may have a new one: the token, and it alone, waits for a
    /// look.
    async fn find_key(&self, kid: &str) -> Result<Arc<PublicKey>, VerifyError> {
        let find = || {
            let set = self.keys.current(&*self.clock).ok_or(VerifyError::Unavailable(Missing::Keys))?;
            set.get(kid).cloned().ok_or(VerifyError::Invalid(Reason::UnknownKey))
        };
        match find() {
            Err(VerifyError::Invalid(Reason::UnknownKey)) if self.keys.refetched().await => find(),
            outcome => outcome,
        }
    }

    fn check_policy(&self, claims: &Claims) -> Result<(), Reason> {
        match &self.policy {
            Some(rule) if !rule(claims) => Err(Reason::Policy),
            _ => Ok(()),
        }
    }

    fn check_times(&self, claims: &Claims) -> Result<(), Reason> {
        self.expected.check_times(claims, self.clock.now_seconds())
    }

    /// Asks the revocation source, and looks at the clock once more after its answer.
    async fn check_live(&self, verified: &Verified) -> Result<(), VerifyError> {
        if let Some(source) = &self.revocation {
            let marks = verified.marks();
            let verdict = match source.check_now(&marks) {
                Some(verdict) => verdict,
                None => source.check(&marks).await,
            };
            match (verdict, self.on_outage) {
                (Verdict::Live, _) => {}
                (Verdict::Revoked(kind), _) => return Err(VerifyError::Revoked(kind)),
                (Verdict::Unknown, OnOutage::Refuse) => {
                    return Err(VerifyError::Unavailable(Missing::Revocations));
                }
                (Verdict::Unknown, OnOutage::Accept) => self.accept_unknown(),
            }
        }
        Ok(self.check_times(&verified.claims)?)
    }

    /// Counts a token that is accepted although it may be revoked, and says so every ten seconds.
    fn accept_unknown(&self) {
        const QUIET_MS: u64 = 10_000;
        count(&self.counters.accepted_on_outage);
        let now = self.clock.boot_ms().max(1);
        let last = self.outage_logged_ms.load(Ordering::Relaxed);
        if (last == 0 || now.saturating_sub(last) >= QUIET_MS)
            && self.outage_logged_ms.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            tracing::warn!(
                accepted = self.counters.accepted_on_outage.load(Ordering::Relaxed),
                "tokens are accepted although it is not known what is revoked"
            );
        }
    }
}
