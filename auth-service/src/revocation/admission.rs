//! What stops the start: a Redis in which the list cannot be kept.

use std::time::Duration;

use super::StartError;
use super::projector::Projector;
use super::redis::RedisError;

/// How often, and how many times, a start looks whether another database's list is renewed: over more than two renewals.
const FOREIGN_LOOK_EVERY: Duration = Duration::from_millis(250);
const FOREIGN_LOOKS: usize = 10;

impl Projector {
    /// Stops the start where Redis may evict and nobody allowed it. A Redis that cannot be reached is met later.
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

    /// Stops the start where another issuer keeps its list under these keys. Verifiers of both would take the one's list for
    /// the other's, and each issuer would replace the other's list for ever. A list that nobody renews is what a former
    /// database left: it is replaced.
    pub(super) async fn refuse_foreign_list(&mut self) -> Result<(), StartError> {
        let mut first = None;
        for _ in 0..FOREIGN_LOOKS {
            // A Redis that cannot be asked now is met later.
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
