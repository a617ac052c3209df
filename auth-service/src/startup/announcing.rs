//! What commands tell Redis. A command runs no projector.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use service_kit::database::Database;
use shared_claims::clock::SharedClock;

use super::settings::projection;
use crate::config::Settings;
use crate::keys::ensure_database_id;
use crate::random::Random;
use crate::revocation::continuity::{Continuity, LogEnd};
use crate::revocation::{self, ProjectionSettings, Revocations};
use crate::storage::{Announce, KnownFact, UnitOfWork};

/// The unit of work of a command. A command runs no projector: if it revokes something, it starts one, which stops when
/// Redis has the fact.
pub(crate) fn unit_of_work_of_a_command(
    settings: &Settings,
    database: Database,
    clock: SharedClock,
    random: Random,
) -> UnitOfWork {
    let unit_of_work = UnitOfWork::new(database.clone(), Arc::clone(&clock), random.clone());
    match projection(settings) {
        Some(projection) => {
            unit_of_work.announced_by(CommandAnnouncer { projection, database, clock, random })
        }
        None => unit_of_work,
    }
}

/// The id of the database whose facts Redis has; `None` without Redis, or if it does not answer.
pub(crate) async fn database_in_redis(settings: &Settings) -> Option<String> {
    Some(revocation::newest_delivered(&projection(settings)?).await?.database)
}

/// Delivers every fact to Redis, if there is one. A failure is only logged: the next server to start delivers them.
pub(crate) async fn deliver_revocations(settings: &Settings, unit_of_work: &UnitOfWork) {
    let Some(projection) = projection(settings) else { return };
    let database = unit_of_work.database().clone();
    match database.snapshot(LogEnd::read).await {
        Ok(end) => {
            let (clock, random) = (Arc::clone(unit_of_work.clock()), unit_of_work.random().clone());
            CommandAnnouncer { projection, database, clock, random }.announce(end.seq).await;
        }
        Err(error) => tracing::warn!(%error, "revocation.not_announced"),
    }
}

/// Delivers committed revocation facts to Redis for a command. If that fails, it only logs a warning: a server that is
/// running, or the next one to start, delivers the facts.
struct CommandAnnouncer {
    projection: ProjectionSettings,
    database: Database,
    clock: SharedClock,
    random: Random,
}

impl Announce for CommandAnnouncer {
    fn newest_known(&self) -> Pin<Box<dyn Future<Output = Option<KnownFact>> + Send + '_>> {
        Box::pin(revocation::newest_delivered(&self.projection))
    }

    fn announce(&self, seq: i64) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            if let Err(error) = self.deliver(seq).await {
                tracing::warn!(%error, "revocation.not_announced");
            }
        })
    }
}

impl CommandAnnouncer {
    async fn deliver(&self, seq: i64) -> Result<(), super::StartError> {
        let (database, random) = (self.database.clone(), self.random.clone());
        let id = ensure_database_id(&database, &random).await?;
        let (projection, clock) = (Some(self.projection.clone()), Arc::clone(&self.clock));
        let revocations = Revocations::start(database, Continuity::of(id), projection, clock, random).await?;
        revocations.announce(seq).await;
        if revocations.status().is_none_or(|status| status.delivered < seq) {
            tracing::warn!(error = "Redis does not have it yet", "revocation.not_announced");
        }
        revocations.stop().await;
        Ok(())
    }
}
