//! The revocation source that was chosen for a verifier that is being built.

use super::error::BuildError;
use crate::clock::SharedClock;
use crate::outbound::ProxyUrl;
use crate::revocation::RevocationSource;

/// Starts to follow an issuer's list with the verifier's clock and proxy. The error contains no secrets.
type Follow =
    Box<dyn FnOnce(&str, SharedClock, Option<&ProxyUrl>) -> Result<RevocationSource, String> + Send>;

/// The choice that was made on the builder.
pub(super) enum SourceChoice {
    NotChosen,
    WithoutRevocation,
    Source(RevocationSource),
    #[cfg_attr(
        not(any(feature = "feed", feature = "redis")),
        expect(dead_code, reason = "there is nothing that could be followed")
    )]
    Follow(Follow),
}

impl SourceChoice {
    /// Starts to follow the source, if one was chosen.
    pub(super) fn start(
        self,
        issuer: &str,
        clock: &SharedClock,
        proxy: Option<&ProxyUrl>,
    ) -> Result<Option<RevocationSource>, BuildError> {
        match self {
            Self::NotChosen => Err(BuildError::NoRevocation),
            Self::WithoutRevocation => Ok(None),
            Self::Source(source) => Ok(Some(source)),
            Self::Follow(follow) => {
                follow(issuer, SharedClock::clone(clock), proxy).map(Some).map_err(BuildError::Source)
            }
        }
    }
}

#[cfg(feature = "feed")]
impl SourceChoice {
    /// The issuer's own feed.
    pub(super) fn feed() -> Self {
        use crate::revocation::{FeedSettings, Mirror, MirrorSettings};
        Self::Follow(Box::new(|issuer, clock, proxy| {
            let url = format!("{}/revocations", issuer.trim_end_matches('/'));
            let mut feed = FeedSettings::new(&url).map_err(|error| error.to_string())?;
            if let Some(proxy) = proxy {
                feed = feed.proxy(proxy).map_err(|error| error.to_string())?;
            }
            Ok(Mirror::follow_feed(feed, MirrorSettings::default().clock(clock)).into())
        }))
    }
}

#[cfg(feature = "redis")]
impl SourceChoice {
    /// The list in Redis at this URL.
    pub(super) fn redis(url: String) -> Self {
        use crate::revocation::{Mirror, MirrorSettings, RedisSettings};
        Self::Follow(Box::new(move |_, clock, _| {
            let redis = RedisSettings::new(&url).map_err(|error| error.to_string())?;
            Ok(Mirror::follow_redis(redis, MirrorSettings::default().clock(clock)).into())
        }))
    }
}
