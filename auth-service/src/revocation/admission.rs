//! Checks at the start, which refuse a Redis in which the revocation list cannot be kept.

use std::time::Duration;

use super::StartError;
use super::projector::Projector;
use super::redis::RedisError;

/// The interval and the number of checks whether another database's list is being renewed. Together they cover more
/// than two renewals.
const FOREIGN_LOOK_EVERY: Duration = Duration::from_millis(250);
const FOREIGN_LOOKS: usize = 10;

impl Projector {
    /// Refuses a Redis that may evict keys, unless the settings allow eviction. If Redis cannot be reached, the start
    /// continues and the projector retries.
    pub(super) async fn refuse_eviction(&mut self) -> Result<(), StartError> {
        match self.list.look(true).await {
            Ok(look) if look.may_evict && !self.settings.allow_eviction => Err(StartError::MayEvict),
            Ok(look) => {
                if look.may_evict {
                    tracing::warn!("revocation.redis.may_evict: revoked tokens may come back to life");
                }
                self.shared.update(|status| status.evicted_keys = look.evicted_keys);
                Ok(())
            }
            Err(error @ RedisError::Url) => Err(error.into()),
            Err(error) => {
                tracing::warn!(%error, "revocation.redis.unavailable: facts stay in the database until it is back");
                Ok(())
            }
        }
    }

    /// Refuses a Redis in which another issuer keeps its list under the same keys. Otherwise the verifiers of both
    /// issuers would read the wrong list at times, and each issuer would replace the other's list again and again. A
    /// list that is not renewed was left by a former database, and is replaced.
    pub(super) async fn refuse_foreign_list(&mut self) -> Result<(), StartError> {
        let mut first = None;
        for _ in 0..FOREIGN_LOOKS {
            // If Redis cannot be reached, the start continues and the projector retries.
            let Ok(look) = self.list.look(false).await else { return Ok(()) };
            if !look.is_kept_by_another(&self.database_id) {
                return Ok(());
            }
            if *first.get_or_insert(look.as_of_ms) != look.as_of_ms {
                return Err(StartError::ForeignList);
            }
            tokio::time::sleep(FOREIGN_LOOK_EVERY).await;
        }
        Ok(())
    }
}
