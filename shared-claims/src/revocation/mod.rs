//! Revocation: which tokens are revoked, and how a verifier learns it.
//!
//! ```
//! use shared_claims::revocation::{FeedSettings, InvalidFeedUrl, Mirror, MirrorSettings, RevocationSource};
//!
//! /// Follows the issuer's feed. With Redis, use `Mirror::follow_redis` or a `RedisLookup`.
//! fn list(issuer: &str) -> Result<RevocationSource, InvalidFeedUrl> {
//!     let feed = FeedSettings::new(&format!("{issuer}/revocations"))?;
//!     Ok(Mirror::follow_feed(feed, MirrorSettings::default()).into())
//! }
//! ```

pub(crate) mod contract;
mod fact;
#[cfg(feature = "feed")]
mod feed;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod mirror;
#[cfg(feature = "redis")]
pub(crate) mod redis;
mod set;

pub use contract::{DEFAULT_BOUND_S, DEFAULT_PREFIX, MAX_KEY_SET_AGE_S, MAX_LEEWAY_S};
pub use fact::{RevocationFact, RevocationKind, RevocationQuery};
#[cfg(feature = "feed")]
pub use feed::{FeedSettings, InvalidFeedToken, InvalidFeedUrl};
pub use mirror::{Mirror, MirrorSettings, MirrorWriter};
#[cfg(feature = "redis")]
pub use redis::{InvalidRedisUrl, RedisLookup, RedisSettings};
pub use set::InvalidRevocationFact;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// The answer of a revocation source for one token.
///
/// ```
/// use shared_claims::revocation::{RevocationKind, Verdict};
/// use shared_claims::testing::ScriptedSource;
///
/// // In the tests of a service: every token is revoked.
/// let source = ScriptedSource::always(Verdict::Revoked(RevocationKind::Client));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The token is not revoked, as of a moment within the staleness bound.
    NotRevoked,
    /// The token is revoked by a fact of this kind.
    Revoked(RevocationKind),
    /// The source cannot say at the moment. The verifier refuses the token, unless it is configured to accept (and
    /// count) it.
    Unknown,
}

/// A custom revocation source, for services that keep their own list.
///
/// ```
/// use std::collections::HashSet;
/// use std::future::{Future, ready};
/// use std::pin::Pin;
/// use std::sync::Arc;
/// use shared_claims::revocation::{RevocationKind, RevocationQuery, RevocationSource, RevocationCheck, RevocationStatus, Verdict};
///
/// /// Users who are banned in this service, in addition to the issuer's revocations.
/// struct Banned(HashSet<String>);
///
/// impl RevocationCheck for Banned {
///     fn check<'a>(&'a self, query: &'a RevocationQuery<'a>) -> Pin<Box<dyn Future<Output = Verdict> + Send + 'a>> {
///         let banned = self.0.contains(query.sub);
///         Box::pin(ready(if banned { Verdict::Revoked(RevocationKind::Sub) } else { Verdict::NotRevoked }))
///     }
///
///     fn status(&self) -> Option<RevocationStatus> {
///         None
///     }
/// }
///
/// let source = RevocationSource::Custom(Arc::new(Banned(HashSet::from(["mallory".to_owned()]))));
/// ```
pub trait RevocationCheck: Send + Sync + 'static {
    /// Returns what is known about this token.
    fn check<'a>(
        &'a self,
        query: &'a RevocationQuery<'a>,
    ) -> Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>;

    /// The state of the source; `None` if it does not report one.
    fn status(&self) -> Option<RevocationStatus> {
        None
    }
}

/// The revocation source of a verifier. Cheap to clone.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use shared_claims::claims::TokenId;
/// use shared_claims::revocation::{RevocationQuery, Mirror, MirrorSettings, RevocationSource, Verdict};
///
/// let (mirror, _writer) = Mirror::by_hand(MirrorSettings::default());
/// let source = RevocationSource::from(mirror);
/// let jti = TokenId::new(1_700_000_000_000, [0; 10]);
/// let query = RevocationQuery { jti, sid: None, sub: "ada", client_id: "app", kid: "k", exp: 1_700_000_900 };
/// // The mirror has not received a list yet.
/// assert_eq!(source.check_now(&query), Some(Verdict::Unknown));
/// assert_eq!(source.check(&query).await, Verdict::Unknown);
/// assert_eq!(source.status().map(|status| status.current), Some(false));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub enum RevocationSource {
    /// A local mirror of the whole list. A check needs no network call.
    Mirror(Mirror),
    /// One request to Redis for each check.
    #[cfg(feature = "redis")]
    Lookup(RedisLookup),
    /// A custom source.
    Custom(Arc<dyn RevocationCheck>),
}

impl RevocationSource {
    /// Checks a token against the source's current state. A caller that caches verified tokens must still call this for
    /// each request.
    pub async fn check(&self, query: &RevocationQuery<'_>) -> Verdict {
        match self {
            Self::Mirror(mirror) => mirror.check(query),
            #[cfg(feature = "redis")]
            Self::Lookup(lookup) => lookup.check(query).await,
            Self::Custom(check) => check.check(query).await,
        }
    }

    /// Like [`check`](Self::check), but never waits. `None` where the check would have to wait.
    pub fn check_now(&self, query: &RevocationQuery<'_>) -> Option<Verdict> {
        match self {
            Self::Mirror(mirror) => Some(mirror.check(query)),
            #[cfg(feature = "redis")]
            Self::Lookup(_) => None,
            Self::Custom(_) => None,
        }
    }

    /// The state of the source; `None` if a custom source does not report one.
    pub fn status(&self) -> Option<RevocationStatus> {
        match self {
            Self::Mirror(mirror) => Some(mirror.status()),
            #[cfg(feature = "redis")]
            Self::Lookup(lookup) => Some(lookup.status()),
            Self::Custom(check) => check.status(),
        }
    }
}

impl fmt::Debug for RevocationSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RevocationSource").field(&self.status()).finish()
    }
}

impl From<Mirror> for RevocationSource {
    fn from(mirror: Mirror) -> Self {
        Self::Mirror(mirror)
    }
}

#[cfg(feature = "redis")]
impl From<RedisLookup> for RevocationSource {
    fn from(lookup: RedisLookup) -> Self {
        Self::Lookup(lookup)
    }
}

/// The state of a revocation source at one moment.
///
/// ```
/// use shared_claims::revocation::RevocationStatus;
///
/// fn line(list: &RevocationStatus) -> String {
///     match list.age_ms {
///         Some(age) => format!("{}: {} facts, complete {age} ms ago", list.source, list.entries),
///         None => format!("{}: {}", list.source, list.last_error.as_deref().unwrap_or("not read yet")),
///     }
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RevocationStatus {
    /// The kind of source: `redis`, `feed`, `lookup`, `hand` or `custom`.
    pub source: &'static str,
    /// Whether the source answered the last request.
    pub connected: bool,
    /// Whether the source can say at the moment what is revoked. If not, tokens get
    /// [`Verdict::Unknown`].
    pub current: bool,
    /// Time since the list was last known to be complete, milliseconds; `None` before the first complete list.
    pub age_ms: Option<u64>,
    /// Whether the list was read under a valid epoch.
    pub epoch_known: bool,
    /// The number of facts in memory.
    pub entries: usize,
    /// How many lists were read: one more with each epoch that is not the one that was read before. After each, a verifier
    /// reads the issuer's key set again.
    pub lists: u64,
    /// How often the list was found to be another one than before: a mirror reads it again from its beginning.
    pub resyncs: u64,
    /// The number of malformed entries that were read. A list that contains one does not count as complete.
    pub malformed: u64,
    /// How often reading the list failed.
    pub errors: u64,
    /// How often the task that follows the source panicked and was restarted.
    pub restarts: u64,
    /// The last failure, without secrets; `None` if the last attempt succeeded.
    pub last_error: Option<String>,
}
