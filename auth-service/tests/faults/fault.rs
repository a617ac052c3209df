//! The faults: how each is injected and repaired.

use std::time::Duration;

use rustix::process::Signal;
use shared_claims::testing::{ProxyMode, RedisProcess};

use crate::helpers::{PATIENCE, eventually};
use crate::judge::Way;
use crate::site::Site;
use crate::watch::{Carrier, now};

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
    FlushedCutOff,
    /// Redis is full, with the policy `noeviction`.
    OutOfMemory,
    /// Redis may evict keys, but does not need to.
    MayEvict,
    /// Redis evicts keys.
    Evicts,
    /// A network fault between Redis and this side.
    Wire(Side, ProxyMode),
    /// A network fault between the feed and the verifiers.
    Feed(ProxyMode),
    /// A network fault between the auth-service and its database.
    Database(ProxyMode),
    /// The auth-service is killed (`kill -9`) during revocations, and restarted.
    IssuerKilled,
    /// The auth-service is stopped (`SIGSTOP`) for longer than the bound.
    IssuerPaused,
    /// One of two auth-services loses its connection to Redis, and is asked to revoke tokens.
    OneCutOff(ProxyMode),
    /// One of two auth-services is stopped for longer than the bound, at any point of its round.
    OnePaused,
    /// One of two auth-services is killed.
    OneKilled,
}

const LOST: [&str; 4] = [
    "XTRIM {revoked}:events MAXLEN 0",
    "XTRIM {revoked}:events MAXLEN 1",
    "DEL {revoked}:events",
    "XDEL {revoked}:events 2-0",
];

impl Fault {
    /// The number of auth-services that the fault needs.
    pub(crate) fn issuers(self) -> usize {
        if matches!(self, Self::OneCutOff(_) | Self::OnePaused | Self::OneKilled) { 2 } else { 1 }
    }

    /// Whether the fault needs a proxy in front of the database.
    pub(crate) fn is_of_the_database(self) -> bool {
        matches!(self, Self::Database(_))
    }

    /// The quality of the path to the verifiers during the fault, and the carriers that are affected.
    pub(crate) fn ways(self) -> (Way, Vec<Carrier>) {
        match self {
            Self::None => (Way::Well, vec![]),
            Self::Feed(ProxyMode::Delay(by)) if by < Duration::from_millis(100) => {
                (Way::Slow, vec![Carrier::Feed])
            }
            Self::Wire(_, ProxyMode::Delay(by)) if by < Duration::from_millis(100) => {
                (Way::Slow, vec![Carrier::Redis])
            }
            Self::Feed(_) => (Way::Broken, vec![Carrier::Feed]),
            Self::IssuerKilled | Self::IssuerPaused | Self::Database(_) => {
                (Way::Broken, vec![Carrier::Redis, Carrier::Feed])
            }
            // The other auth-service delivers the facts, and the feed is served by the first.
            Self::OneCutOff(_) | Self::OnePaused | Self::OneKilled => (Way::Slow, vec![Carrier::Redis]),
            _ => (Way::Broken, vec![Carrier::Redis]),
        }
    }

    /// Whether the fault lasts until it is repaired.
    pub(crate) fn lasts(self) -> bool {
        !matches!(self, Self::None | Self::Command(_) | Self::Evicts)
    }

    /// Whether a running Redis loses a part of the list without an error.
    fn loses(self) -> bool {
        match self {
            Self::Evicts => true,
            Self::Command(command) => LOST.contains(&command),
            _ => false,
        }
    }

    /// The auth-service that is asked to revoke tokens during the fault, if any can do so.
    pub(crate) fn asked(self) -> Option<usize> {
        match self {
            Self::IssuerKilled | Self::IssuerPaused | Self::Database(_) => None,
            Self::OneCutOff(_) => Some(1),
            _ => Some(0),
        }
    }

    /// The component that is affected. Two faults of the same component are never injected together.
    pub(crate) fn place(self) -> &'static str {
        match self {
            Self::Wire(..) | Self::FlushedCutOff | Self::FailedOver | Self::SplitBrain => "wire",
            Self::Feed(_) => "feed",
            Self::IssuerKilled | Self::IssuerPaused | Self::Database(_) => "issuer",
            _ => "redis",
        }
    }

    /// Whether the fault cannot be part of a random schedule, because it replaces Redis for good or is judged by a
    /// rule of its own.
    pub(crate) fn is_for_rows_alone(self) -> bool {
        self.loses() || matches!(self, Self::FailedOver | Self::SplitBrain | Self::Database(_))
    }

    /// Whether injecting the fault needs a Redis and an auth-service that respond.
    pub(crate) fn speaks(self) -> bool {
        matches!(
            self,
            Self::RedisOlder | Self::FlushedCutOff | Self::Command(_) | Self::OutOfMemory | Self::MayEvict
        )
    }

    pub(crate) async fn inject(self, site: &mut Site) {
        match self {
            Self::None => {}
            Self::RedisKilled => site.redis.kill(),
            Self::RedisOlder => {
                site.redis_command("SAVE").await;
                site.revoke(1, 0).await;
                site.redis.kill();
            }
            Self::RedisPaused => site.redis.pause(),
            Self::FailedOver | Self::SplitBrain => self.fail_over(site).await,
            Self::Command(command) => site.redis_command(command).await,
            Self::FlushedCutOff => {
                site.issuers[0].to_redis.set(ProxyMode::Refuse);
                site.redis_command("FLUSHALL ASYNC").await;
            }
            Self::OutOfMemory => site.redis_command("CONFIG SET maxmemory 1").await,
            Self::MayEvict => {
                site.redis_command("CONFIG SET maxmemory-policy allkeys-lru maxmemory 100mb").await;
            }
            Self::Evicts => evict(site).await,
            Self::Wire(whose, mode) => wire(site, whose, mode),
            Self::Feed(mode) => site.feed.set(mode),
            Self::Database(mode) => {
                site.to_database.as_ref().unwrap().set(mode);
                // These revocations are not acknowledged; they may be committed or not.
                site.revoke(2, 0).await;
            }
            Self::IssuerKilled => {
                let killed = site.issuers[0].process.take().unwrap();
                let killing = async {
                    // At some time during the three revocations.
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    killed.kill();
                };
                tokio::join!(site.revoke(3, 0), killing);
            }
            Self::IssuerPaused => site.issuers[0].process.as_ref().unwrap().signal(Signal::STOP),
            Self::OneCutOff(mode) => site.issuers[1].to_redis.set(mode),
            Self::OnePaused => site.issuers[1].process.as_ref().unwrap().signal(Signal::STOP),
            Self::OneKilled => site.issuers[1].process.take().unwrap().kill(),
        }
        if self.loses() {
            site.history.lost = Some(now());
        }
    }

    pub(crate) async fn mend(self, site: &mut Site) {
        match self {
            Self::None | Self::FailedOver | Self::Command(_) | Self::Evicts => {}
            Self::RedisKilled | Self::RedisOlder => site.redis.restart().await,
            Self::RedisPaused => site.redis.resume(),
            Self::SplitBrain => {
                site.from_redis.redirect(&site.other_redis.as_ref().unwrap().address());
                site.redis.kill();
            }
            Self::FlushedCutOff => site.issuers[0].to_redis.set(ProxyMode::Forward),
            Self::OutOfMemory | Self::MayEvict => {
                site.redis_command("CONFIG SET maxmemory 0 maxmemory-policy noeviction").await;
            }
            Self::Wire(whose, _) => wire(site, whose, ProxyMode::Forward),
            Self::Feed(_) => site.feed.set(ProxyMode::Forward),
            Self::Database(_) => site.to_database.as_ref().unwrap().set(ProxyMode::Forward),
            Self::IssuerKilled => site.issuers[0].process = Some(site.issuers[0].recipe.start().await),
            Self::IssuerPaused => site.issuers[0].process.as_ref().unwrap().signal(Signal::CONT),
            Self::OneCutOff(_) => site.issuers[1].to_redis.set(ProxyMode::Forward),
            Self::OnePaused => site.issuers[1].process.as_ref().unwrap().signal(Signal::CONT),
            Self::OneKilled => site.issuers[1].process = Some(site.issuers[1].recipe.start().await),
        }
    }

    /// Fails over to a replica that stopped replicating before the last revocations.
    async fn fail_over(self, site: &mut Site) {
        let other = RedisProcess::start().await;
        let mut connection = other.connection().await;
        let (host, port) =
            site.redis.address().rsplit_once(':').map(|(h, p)| (h.to_owned(), p.to_owned())).unwrap();
        let mut follow = redis::cmd("REPLICAOF");
        follow.arg(host).arg(port).exec_async(&mut connection).await.unwrap();
        eventually("the replica follows", PATIENCE, async || {
            let info: String = redis::cmd("INFO")
                .arg("replication")
                .query_async(&mut other.connection().await)
                .await
                .unwrap();
            info.contains("master_link_status:up")
        })
        .await;
        let mut lead = redis::cmd("REPLICAOF");
        lead.arg("NO").arg("ONE").exec_async(&mut connection).await.unwrap();
        site.revoke(2, 0).await;
        if self == Self::FailedOver {
            site.redis.kill();
            site.from_redis.redirect(&other.address());
        }
        site.issuers[0].to_redis.redirect(&other.address());
        site.other_redis = Some(other);
    }
}

fn wire(site: &Site, whose: Side, mode: ProxyMode) {
    if whose != Side::Verifiers {
        site.issuers[0].to_redis.set(mode);
    }
    if whose != Side::Issuer {
        site.from_redis.set(mode);
    }
}

/// Lets Redis evict keys for a short time, in which most of the list is evicted.
async fn evict(site: &Site) {
    for n in 0..50 {
        site.redis_command(&format!("SET filler:{n} {}", "x".repeat(50_000))).await;
    }
    site.redis_command("CONFIG SET maxmemory-policy volatile-lru maxmemory 2mb").await;
    eventually("something is evicted", PATIENCE, async || {
        let mut redis = site.redis.connection().await;
        let info: String = redis::cmd("INFO").arg("stats").query_async(&mut redis).await.unwrap();
        !info.contains("evicted_keys:0\r")
    })
    .await;
    site.redis_command("CONFIG SET maxmemory 0 maxmemory-policy noeviction").await;
}
