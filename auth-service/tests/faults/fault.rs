//! What can break, and how it is mended.

use std::time::Duration;

use rustix::process::Signal;
use shared_claims::testing::{ProxyMode, RedisProcess};

use crate::helpers::{PATIENCE, eventually};
use crate::judge::Way;
use crate::site::Site;
use crate::watch::{Carrier, now};

/// Whose way to Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Issuer,
    Verifiers,
    Both,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing at all: what the others are compared with.
    None,
    /// `kill -9`; started again empty.
    RedisKilled,
    /// Started again with a dump that misses what was revoked since.
    RedisOlder,
    /// `SIGSTOP` for longer than the bound.
    RedisPaused,
    /// A replica takes over that misses what was revoked last.
    FailedOver,
    /// It takes over for the auth-service alone: the verifiers go on asking the old one.
    SplitBrain,
    /// Once a command, as an operator or another program would type it.
    Command(&'static str),
    /// Emptied while the auth-service cannot reach it.
    FlushedCutOff,
    /// Full, under `noeviction`.
    OutOfMemory,
    /// May evict, and has no need to.
    MayEvict,
    /// Evicts.
    Evicts,
    /// The network between Redis and that side.
    Wire(Side, ProxyMode),
    /// The network between the feed and the verifiers.
    Feed(ProxyMode),
    /// The network between the auth-service and its database.
    Database(ProxyMode),
    /// `kill -9` amid revocations; started again.
    IssuerKilled,
    /// `SIGSTOP` for longer than the bound.
    IssuerPaused,
    /// One of two auth-services loses Redis, and is asked to revoke.
    OneCutOff(ProxyMode),
    /// One of two stands still for longer than the bound, at any point of its round.
    OnePaused,
    /// One of two is killed.
    OneKilled,
}

const LOST: [&str; 4] = [
    "XTRIM {revoked}:events MAXLEN 0",
    "XTRIM {revoked}:events MAXLEN 1",
    "DEL {revoked}:events",
    "XDEL {revoked}:events 2-0",
];

impl Fault {
    /// How many auth-services it takes.
    pub(crate) fn issuers(self) -> usize {
        if matches!(self, Self::OneCutOff(_) | Self::OnePaused | Self::OneKilled) { 2 } else { 1 }
    }

    /// Whether the database is to be behind a proxy.
    pub(crate) fn is_of_the_database(self) -> bool {
        matches!(self, Self::Database(_))
    }

    /// What it does to the way over each carrier.
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
            // The others deliver its facts, and the feed is that of the first.
            Self::OneCutOff(_) | Self::OnePaused | Self::OneKilled => (Way::Slow, vec![Carrier::Redis]),
            _ => (Way::Broken, vec![Carrier::Redis]),
        }
    }

    /// Whether it goes on until it is mended.
    pub(crate) fn lasts(self) -> bool {
        !matches!(self, Self::None | Self::Command(_) | Self::Evicts)
    }

    /// Whether part of the list is lost by a Redis that goes on as if nothing had been.
    fn loses(self) -> bool {
        match self {
            Self::Evicts => true,
            Self::Command(command) => LOST.contains(&command),
            _ => false,
        }
    }

    /// Which auth-service is asked to revoke meanwhile, if any can be.
    pub(crate) fn asked(self) -> Option<usize> {
        match self {
            Self::IssuerKilled | Self::IssuerPaused | Self::Database(_) => None,
            Self::OneCutOff(_) => Some(1),
            _ => Some(0),
        }
    }

    /// Two faults of one place do not come together.
    pub(crate) fn place(self) -> &'static str {
        match self {
            Self::Wire(..) | Self::FlushedCutOff | Self::FailedOver | Self::SplitBrain => "wire",
            Self::Feed(_) => "feed",
            Self::IssuerKilled | Self::IssuerPaused | Self::Database(_) => "issuer",
            _ => "redis",
        }
    }

    /// Whether it cannot be one of many: it moves Redis for good, or calls for a judgement of its own.
    pub(crate) fn is_for_rows_alone(self) -> bool {
        self.loses() || matches!(self, Self::FailedOver | Self::SplitBrain | Self::Database(_))
    }

    /// Whether it needs a Redis and an auth-service that answer.
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
                // Not acknowledged, and committed or not.
                site.revoke(2, 0).await;
            }
            Self::IssuerKilled => {
                let killed = site.issuers[0].process.take().unwrap();
                let killing = async {
                    // Somewhere amid the three.
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

    /// To a replica that stopped following before the last revocation.
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

/// Someone lets it evict for a moment, in which most of it goes.
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
