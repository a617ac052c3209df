//! Revocation: what is revoked, and how a verifier knows.

mod fact;
#[cfg(feature = "feed")]
mod feed;
mod mirror;
#[cfg(feature = "redis")]
mod redis;
mod set;
mod status;

pub use fact::{Fact, Kind, Marks};
#[cfg(feature = "feed")]
pub use feed::{FeedSettings, InvalidFeedUrl};
pub use mirror::{Mirror, MirrorSettings, MirrorWriter};
#[cfg(feature = "redis")]
pub use redis::{InvalidRedisUrl, RedisKeys, RedisLookup, RedisSettings};
pub use set::MalformedFact;
pub use status::RevocationStatus;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// What a revocation source says of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Nothing revoked concerns it, as of a moment within the bound.
    Live,
    /// A fact concerns it.
    Revoked(Kind),
    /// The source cannot know now: the verifier refuses (or, if it was told so, accepts and counts).
    Unknown,
}

/// A source of one's own, for services that keep the truth themselves.
pub trait RevocationCheck: Send + Sync + 'static {
    /// Says what is known of the token that `marks` identify.
    fn check<'a>(&'a self, marks: &'a Marks<'a>) -> Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>;

    /// The state of the source, if it can tell.
    fn status(&self) -> Option<RevocationStatus> {
        None
    }
}

/// How a verifier knows what is revoked. Cheap to clone.
#[derive(Clone)]
#[non_exhaustive]
pub enum Revocation {
    /// A local mirror of the whole list: no call on the way of a request.
    Mirror(Mirror),
    /// A question to Redis at each check.
    #[cfg(feature = "redis")]
    Lookup(RedisLookup),
    /// A source of one's own.
    Custom(Arc<dyn RevocationCheck>),
}

impl Revocation {
    /// What is known of the token now. A caller that caches tokens asks each time.
    pub async fn check(&self, marks: &Marks<'_>) -> Verdict {
        match self {
            Self::Mirror(mirror) => mirror.check(marks),
            #[cfg(feature = "redis")]
            Self::Lookup(lookup) => lookup.check(marks).await,
            Self::Custom(check) => check.check(marks).await,
        }
    }

    /// As [`check`](Self::check), where that needs no waiting.
    pub fn check_now(&self, marks: &Marks<'_>) -> Option<Verdict> {
        match self {
            Self::Mirror(mirror) => Some(mirror.check(marks)),
            #[cfg(feature = "redis")]
            Self::Lookup(_) => None,
            Self::Custom(_) => None,
        }
    }

    /// The state of the source; `None` when a source of one's own does not tell.
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
