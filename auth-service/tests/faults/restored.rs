//! The database is restored to an earlier state, which lacks the last revocations, while something else is wrong as well.
//! The repair is `auth-service after-restore`, which ends every token there is.

use std::time::Duration;

use rustix::process::Signal;
use shared_claims::testing::ProxyMode;
use tokio::time::sleep;

use crate::deployment::Deployment;
use crate::fault::split_brain;

/// Longer than the second in which each auth-service notices what the other one committed. A back-up takes longer than that to
/// be put back.
const NOTICED: Duration = Duration::from_millis(1_500);

/// What happens while the database is restored, and until `after-restore` was run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meanwhile {
    /// The auth-services run on.
    Nothing,
    /// The auth-services are killed before, and start on the restored database.
    IssuersRestarted,
    /// One auth-service cannot reach Redis.
    OneIssuerDisconnected,
    /// One auth-service is stopped (`SIGSTOP`) before, and goes on after `after-restore`.
    OneIssuerPaused,
    /// The verifiers reach neither Redis nor the feed.
    VerifiersDisconnected,
    /// One auth-service keeps its list in another Redis than the one that the verifiers and the other auth-service use.
    SplitBrain,
    /// Redis is flushed after the restore.
    RedisFlushed,
}

pub(crate) async fn inject(meanwhile: Meanwhile, deployment: &mut Deployment) {
    let saved = deployment.save_database().await;
    if meanwhile == Meanwhile::SplitBrain {
        split_brain(deployment).await;
    }
    deployment.revoke(3, 0).await;
    sleep(NOTICED).await;
    match meanwhile {
        Meanwhile::Nothing | Meanwhile::SplitBrain | Meanwhile::RedisFlushed => {}
        Meanwhile::IssuersRestarted => deployment.kill_issuers(),
        Meanwhile::OneIssuerDisconnected => deployment.issuers[1].to_redis.set(ProxyMode::Refuse),
        Meanwhile::OneIssuerPaused => deployment.signal(1, Signal::STOP),
        Meanwhile::VerifiersDisconnected => set_verifiers_network(deployment, ProxyMode::Refuse),
    }
    deployment.restore_database(&saved);
    match meanwhile {
        Meanwhile::IssuersRestarted => {
            for issuer in &mut deployment.issuers {
                // Not ready, as long as Redis has more than the database.
                issuer.process = Some(issuer.settings.spawn());
            }
        }
        Meanwhile::RedisFlushed => deployment.redis_command("FLUSHALL").await,
        _ => {}
    }
}

pub(crate) async fn repair(meanwhile: Meanwhile, deployment: &mut Deployment) {
    deployment.after_restore();
    match meanwhile {
        Meanwhile::OneIssuerDisconnected => deployment.issuers[1].to_redis.set(ProxyMode::Forward),
        Meanwhile::OneIssuerPaused => deployment.signal(1, Signal::CONT),
        Meanwhile::VerifiersDisconnected => set_verifiers_network(deployment, ProxyMode::Forward),
        Meanwhile::SplitBrain => {
            let other = deployment.other_redis.as_ref().unwrap().address();
            deployment.from_redis.redirect(&other);
            deployment.issuers[1].to_redis.redirect(&other);
        }
        Meanwhile::Nothing | Meanwhile::IssuersRestarted | Meanwhile::RedisFlushed => {}
    }
    deployment.wait_until_ready().await;
    deployment.add_keys().await;
    deployment.issue(12).await;
}

fn set_verifiers_network(deployment: &Deployment, mode: ProxyMode) {
    deployment.from_redis.set(mode);
    deployment.feed.set(mode);
}
