//! The faults: how each is injected and repaired.

use std::time::Duration;

use rustix::process::Signal;
use shared_claims::testing::{ProxyMode, RedisProcess};

use crate::deployment::Deployment;
use crate::helpers::{WAIT_LIMIT, eventually};
use crate::promise::PathState;
use crate::restored::{self, Meanwhile};
use crate::watch::{Channel, now};

/// Whose connection to Redis is affected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Issuer,
    Verifiers,
    Both,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// No fault, as the baseline.
    None,
    /// Redis is killed (`kill -9`) and restarted empty.
    RedisKilled,
    /// Redis is killed and restarted with a dump that lacks the last revocation.
    RedisOlder,
    /// Redis is stopped (`SIGSTOP`) for longer than the bound.
    RedisPaused,
    /// A replica that lacks the last revocations becomes the master.
    FailedOver,
    /// The replica becomes the master for the auth-service only. The verifiers continue to use the old one.
    SplitBrain,
    /// A Redis command is run once, as an operator or another program could run it.
    Command(&'static str),
    /// Redis is flushed while the auth-service cannot reach it.
    FlushedWhileDisconnected,
    /// Redis is full, with the policy `noeviction`.
    OutOfMemory,
    /// Redis may evict keys, but does not need to.
    EvictionAllowed,
    /// Redis evicts keys.
    Evicting,
    /// A network fault between Redis and this side.
    RedisNetwork(Side, ProxyMode),
    /// A network fault between the feed and the verifiers.
    FeedNetwork(ProxyMode),
    /// A network fault between the auth-service and its database.
    DatabaseNetwork(ProxyMode),
    /// The auth-service is killed (`kill -9`) during revocations, and restarted.
    IssuerKilled,
    /// The auth-service is stopped (`SIGSTOP`) for longer than the bound.
    IssuerPaused,
    /// One of two auth-services loses its connection to Redis, and is asked to revoke tokens.
    OneDisconnected(ProxyMode),
    /// One of two auth-services is stopped for longer than the bound, at any point of its round.
    OnePaused,
    /// One of two auth-services is killed.
    OneKilled,
    /// The database of two auth-services is restored to an earlier state.
    Restored(Meanwhile),
}

const COMMANDS_THAT_LOSE_FACTS: [&str; 4] = [
    "XTRIM {revoked}:events MAXLEN 0",
    "XTRIM {revoked}:events MAXLEN 1",
    "DEL {revoked}:events",
    "XDEL {revoked}:events 2-0",
];

impl Fault {
    /// The number of auth-services that the fault needs.
    pub(crate) fn issuers(self) -> usize {
        match self {
            Self::OneDisconnected(_) | Self::OnePaused | Self::OneKilled | Self::Restored(_) => 2,
            _ => 1,
        }
    }

    /// Whether the fault needs a proxy in front of the database.
    pub(crate) fn needs_database_proxy(self) -> bool {
        matches!(self, Self::DatabaseNetwork(_))
    }

    /// The quality of the path to the verifiers during the fault, and the channels that are affected.
    pub(crate) fn path_state(self) -> (PathState, Vec<Channel>) {
        match self {
            Self::None => (PathState::Good, vec![]),
            Self::FeedNetwork(ProxyMode::Delay(by)) if by < Duration::from_millis(100) => {
                (PathState::Slow, vec![Channel::Feed])
            }
            Self::RedisNetwork(_, ProxyMode::Delay(by)) if by < Duration::from_millis(100) => {
                (PathState::Slow, vec![Channel::Redis])
            }
            Self::FeedNetwork(_) => (PathState::Broken, vec![Channel::Feed]),
            Self::IssuerKilled | Self::IssuerPaused | Self::DatabaseNetwork(_) | Self::Restored(_) => {
                (PathState::Broken, vec![Channel::Redis, Channel::Feed])
            }
            // The other auth-service delivers the facts, and the feed is served by the first.
            Self::OneDisconnected(_) | Self::OnePaused | Self::OneKilled => {
                (PathState::Slow, vec![Channel::Redis])
            }
            _ => (PathState::Broken, vec![Channel::Redis]),
        }
    }

    /// Whether the fault lasts until it is repaired.
    pub(crate) fn lasts(self) -> bool {
        !matches!(self, Self::None | Self::Command(_) | Self::Evicting)
    }

    /// Whether a running Redis loses a part of the list without an error.
    fn loses_facts(self) -> bool {
        match self {
            Self::Evicting => true,
            Self::Command(command) => COMMANDS_THAT_LOSE_FACTS.contains(&command),
            _ => false,
        }
    }

    /// The auth-service that is asked to revoke tokens during the fault, if any can do so.
    pub(crate) fn revoking_issuer(self) -> Option<usize> {
        match self {
            Self::IssuerKilled | Self::IssuerPaused | Self::DatabaseNetwork(_) | Self::Restored(_) => None,
            Self::OneDisconnected(_) => Some(1),
            _ => Some(0),
        }
    }

    /// The component that is affected. Two faults of the same component are never injected together.
    pub(crate) fn component(self) -> &'static str {
        match self {
            Self::RedisNetwork(..) | Self::FlushedWhileDisconnected | Self::FailedOver | Self::SplitBrain => {
                "wire"
            }
            Self::FeedNetwork(_) => "feed",
            Self::IssuerKilled | Self::IssuerPaused | Self::DatabaseNetwork(_) | Self::Restored(_) => {
                "issuer"
            }
            _ => "redis",
        }
    }

    /// Whether the fault cannot be part of a random schedule, because it replaces Redis for good or is checked by a
    /// rule of its own.
    pub(crate) fn is_excluded_from_random(self) -> bool {
        self.loses_facts() || matches!(self, Self::FailedOver | Self::SplitBrain | Self::DatabaseNetwork(_))
    }

    /// Whether injecting the fault needs a Redis and an auth-service that respond.
    pub(crate) fn needs_responses(self) -> bool {
        matches!(
            self,
            Self::RedisOlder
                | Self::FlushedWhileDisconnected
                | Self::Command(_)
                | Self::OutOfMemory
                | Self::EvictionAllowed
        )
    }

    pub(crate) async fn inject(self, deployment: &mut Deployment) {
        match self {
            Self::None => {}
            Self::RedisKilled => deployment.redis.kill(),
            Self::RedisOlder => {
                deployment.redis_command("SAVE").await;
                deployment.revoke(1, 0).await;
                deployment.redis.kill();
            }
            Self::RedisPaused => deployment.redis.pause(),
            Self::FailedOver => {
                let other = fail_over(deployment).await;
                deployment.redis.kill();
                deployment.from_redis.redirect(&other);
            }
            Self::SplitBrain => split_brain(deployment).await,
            Self::Command(command) => deployment.redis_command(command).await,
            Self::FlushedWhileDisconnected => {
                deployment.issuers[0].to_redis.set(ProxyMode::Refuse);
                deployment.redis_command("FLUSHALL ASYNC").await;
            }
            Self::OutOfMemory => deployment.redis_command("CONFIG SET maxmemory 1").await,
            Self::EvictionAllowed => {
                deployment.redis_command("CONFIG SET maxmemory-policy allkeys-lru maxmemory 100mb").await;
            }
            Self::Evicting => evict(deployment).await,
            Self::RedisNetwork(side, mode) => set_redis_network(deployment, side, mode),
            Self::FeedNetwork(mode) => deployment.feed.set(mode),
            Self::DatabaseNetwork(mode) => {
                deployment.to_database.as_ref().unwrap().set(mode);
                // These revocations are not acknowledged; they may be committed or not.
                deployment.revoke(2, 0).await;
            }
            Self::IssuerKilled => {
                let killed = deployment.issuers[0].process.take().unwrap();
                let killing = async {
                    // At some time during the three revocations.
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    killed.kill();
                };
                tokio::join!(deployment.revoke(3, 0), killing);
            }
            Self::IssuerPaused => deployment.issuers[0].process.as_ref().unwrap().signal(Signal::STOP),
            Self::OneDisconnected(mode) => deployment.issuers[1].to_redis.set(mode),
            Self::OnePaused => deployment.issuers[1].process.as_ref().unwrap().signal(Signal::STOP),
            Self::OneKilled => deployment.issuers[1].process.take().unwrap().kill(),
            Self::Restored(meanwhile) => restored::inject(meanwhile, deployment).await,
        }
        if self.loses_facts() {
            deployment.history.lost = Some(now());
        }
    }

    pub(crate) async fn repair(self, deployment: &mut Deployment) {
        match self {
            Self::None | Self::FailedOver | Self::Command(_) | Self::Evicting => {}
            Self::RedisKilled | Self::RedisOlder => deployment.redis.restart().await,
            Self::RedisPaused => deployment.redis.resume(),
            Self::SplitBrain => {
                deployment.from_redis.redirect(&deployment.other_redis.as_ref().unwrap().address());
                deployment.redis.kill();
            }
            Self::FlushedWhileDisconnected => deployment.issuers[0].to_redis.set(ProxyMode::Forward),
            Self::OutOfMemory | Self::EvictionAllowed => {
                deployment.redis_command("CONFIG SET maxmemory 0 maxmemory-policy noeviction").await;
            }
            Self::RedisNetwork(side, _) => set_redis_network(deployment, side, ProxyMode::Forward),
            Self::FeedNetwork(_) => deployment.feed.set(ProxyMode::Forward),
            Self::DatabaseNetwork(_) => deployment.to_database.as_ref().unwrap().set(ProxyMode::Forward),
            Self::IssuerKilled => {
                deployment.issuers[0].process = Some(deployment.issuers[0].settings.start().await);
            }
            Self::IssuerPaused => deployment.issuers[0].process.as_ref().unwrap().signal(Signal::CONT),
            Self::OneDisconnected(_) => deployment.issuers[1].to_redis.set(ProxyMode::Forward),
            Self::OnePaused => deployment.issuers[1].process.as_ref().unwrap().signal(Signal::CONT),
            Self::OneKilled => {
                deployment.issuers[1].process = Some(deployment.issuers[1].settings.start().await);
            }
            Self::Restored(meanwhile) => restored::repair(meanwhile, deployment).await,
        }
    }
}

/// Makes a replica the master for the first auth-service only. All others continue to use the old master.
pub(crate) async fn split_brain(deployment: &mut Deployment) {
    fail_over(deployment).await;
}

/// Makes a replica the master for the first auth-service; it stopped replicating before the last revocations. Returns its
/// address.
async fn fail_over(deployment: &mut Deployment) -> String {
    let other = RedisProcess::start().await;
    let mut connection = other.connection().await;
    let (host, port) =
        deployment.redis.address().rsplit_once(':').map(|(h, p)| (h.to_owned(), p.to_owned())).unwrap();
    let mut follow = redis::cmd("REPLICAOF");
    follow.arg(host).arg(port).exec_async(&mut connection).await.unwrap();
    eventually("the replica follows", WAIT_LIMIT, async || {
        let info: String =
            redis::cmd("INFO").arg("replication").query_async(&mut other.connection().await).await.unwrap();
        info.contains("master_link_status:up")
    })
    .await;
    let mut lead = redis::cmd("REPLICAOF");
    lead.arg("NO").arg("ONE").exec_async(&mut connection).await.unwrap();
    deployment.revoke(2, 0).await;
    let address = other.address();
    deployment.issuers[0].to_redis.redirect(&address);
    deployment.other_redis = Some(other);
    address
}

fn set_redis_network(deployment: &Deployment, side: Side, mode: ProxyMode) {
    if side != Side::Verifiers {
        deployment.issuers[0].to_redis.set(mode);
    }
    if side != Side::Issuer {
        deployment.from_redis.set(mode);
    }
}

/// Lets Redis evict keys for a short time, in which most of the list is evicted.
async fn evict(deployment: &Deployment) {
    for n in 0..50 {
        deployment.redis_command(&format!("SET filler:{n} {}", "x".repeat(50_000))).await;
    }
    deployment.redis_command("CONFIG SET maxmemory-policy volatile-lru maxmemory 2mb").await;
    eventually("something is evicted", WAIT_LIMIT, async || {
        let mut redis = deployment.redis.connection().await;
        let info: String = redis::cmd("INFO").arg("stats").query_async(&mut redis).await.unwrap();
        !info.contains("evicted_keys:0\r")
    })
    .await;
    deployment.redis_command("CONFIG SET maxmemory 0 maxmemory-policy noeviction").await;
}
