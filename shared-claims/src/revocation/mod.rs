//! Revocation: what is revoked, and how a verifier knows it.
//!
//! ```
//! use shared_claims::revocation::{FeedSettings, InvalidFeedUrl, Mirror, MirrorSettings, Revocation};
//!
//! /// Follows the issuer's feed. With Redis, use `Mirror::follow_redis` or a `RedisLookup`.
//! fn list(issuer: &str) -> Result<Revocation, InvalidFeedUrl> {
//!     let feed = FeedSettings::new(&format!("{issuer}/revocations"))?;
//!     Ok(Mirror::follow_feed(feed, MirrorSettings::default()).into())
//! }
//! ```

pub mod contract;
mod fact;
#[cfg(feature = "feed")]
mod feed;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod mirror;
#[cfg(feature = "redis")]
mod redis;
mod set;
mod status;

pub use fact::{Fact, Kind, Marks};
#[cfg(feature = "feed")]
pub use feed::{FeedSettings, InvalidFeedToken, InvalidFeedUrl};
pub use mirror::{Mirror, MirrorSettings, MirrorWriter};
#[cfg(feature = "redis")]
pub use redis::{InvalidRedisUrl, RedisAddress, RedisLookup, RedisNode, RedisNotFound, RedisSettings};
pub use set::MalformedFact;
pub use status::RevocationStatus;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// The answer of a revocation source for one token.
///
/// ```
/// use shared_claims::revocation::{Kind, Verdict};
/// use shared_claims::testing::ScriptedSource;
///
/// // In the tests of a service: every token is revoked.
/// let source = ScriptedSource::always(Verdict::Revoked(Kind::Client));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The token is not revoked, as of a moment within the staleness bound.
    Live,
    /// The token is revoked by a fact of this kind.
    Revoked(Kind),
    /// The source cannot know at the moment. The verifier refuses the token, unless it is configured to accept (and
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
/// use shared_claims::revocation::{Kind, Marks, Revocation, RevocationCheck, RevocationStatus, Verdict};
///
/// /// Users who are banned in this service, in addition to the issuer's revocations.
/// struct Banned(HashSet<String>);
///
/// impl RevocationCheck for Banned {
///     fn check<'a>(&'a self, marks: &'a Marks<'a>) -> Pin<Box<dyn Future<Output = Verdict> + Send + 'a>> {
///         let banned = self.0.contains(marks.sub);
///         Box::pin(ready(if banned { Verdict::Revoked(Kind::Sub) } else { Verdict::Live }))
///     }
///
///     fn status(&self) -> Option<RevocationStatus> {
///         None
///     }
/// }
///
/// let source = Revocation::Custom(Arc::new(Banned(HashSet::from(["mallory".to_owned()]))));
/// ```
pub trait RevocationCheck: Send + Sync + 'static {
    /// Returns what is known about the token that `marks` identify.
    fn check<'a>(&'a self, marks: &'a Marks<'a>) -> Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>;

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
/// use shared_claims::revocation::{Marks, Mirror, MirrorSettings, Revocation, Verdict};
///
/// let (mirror, _writer) = Mirror::by_hand(MirrorSettings::default());
/// let source = Revocation::from(mirror);
/// let jti = TokenId::new(1_700_000_000_000, [0; 10]);
/// let marks = Marks { jti, sid: None, sub: "ada", client_id: "app", kid: "k", exp: 1_700_000_900 };
/// // The mirror has not received a list yet.
/// assert_eq!(source.check_now(&marks), Some(Verdict::Unknown));
/// assert_eq!(source.check(&marks).await, Verdict::Unknown);
/// assert_eq!(source.status().map(|status| status.current), Some(false));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub enum Revocation {
    /// A local mirror of the whole list. A check needs no network call.
    Mirror(Mirror),
    /// One request to Redis for each check.
    #[cfg(feature = "redis")]
    Lookup(RedisLookup),
    /// A custom source.
    Custom(Arc<dyn RevocationCheck>),
}

impl Revocation {
    /// Checks a token against the source's current state. A caller that caches verified tokens still has to ask each
    /// time.
    pub async fn check(&self, marks: &Marks<'_>) -> Verdict {
        match self {
            Self::Mirror(mirror) => mirror.check(marks),
            #[cfg(feature = "redis")]
            Self::Lookup(lookup) => lookup.check(marks).await,
            Self::Custom(check) => check.check(marks).await,
        }
    }

    /// Like [`check`](Self::check), but never waits. `None` where the check would have to wait.
    pub fn check_now(&self, marks: &Marks<'_>) -> Option<Verdict> {
        match self {
            Self::Mirror(mirror) => Some(mirror.check(marks)),
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

impl fmt::Debug for Revocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Revocation").field(&self.status()).finish()
    }
}

impl From<Mirror> for Revocation {
    fn from(mirror: Mirror) -> Self {
        Self::Mirror(mirror)
    }
}

#[cfg(feature = "redis")]
impl From<RedisLookup> for Revocation {
    fn from(lookup: RedisLookup) -> Self {
        Self::Lookup(lookup)
    }
}
