//! Tests of the list in a Redis Cluster and with Sentinels: it is found, and found again after a failover.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use auth_service::revocation::{ProjectionSettings, Revocations};
use redis::aio::MultiplexedConnection;
use shared_claims::claims::{SessionId, TokenId};
use shared_claims::revocation::{
    Mirror, MirrorSettings, RedisLookup, RedisSettings, RevocationKind, RevocationQuery, Verdict,
};
use shared_claims::testing::{self, RedisProcess, free_port};

use crate::helpers::{World, now_ms, session};
use crate::rights::let_in;

const REVOKED: Verdict = Verdict::Revoked(RevocationKind::Sid);

/// Polls until `condition` holds, with a generous limit: an election takes time, and on a busy machine more than one
/// may be needed.
async fn eventually<F: Future<Output = bool>>(what: &str, condition: impl FnMut() -> F) {
    testing::eventually(what, Duration::from_secs(60), condition).await;
}

/// The revocation query for a token of this session.
pub(crate) fn token(id: u128) -> RevocationQuery<'static> {
    RevocationQuery {
        jti: TokenId::new(now_ms(), [0; 10]),
        sid: Some(SessionId::from_bytes(id.to_be_bytes())),
        sub: "user",
        client_id: "client",
        kid: "key",
        exp: now_ms() / 1000 + 800,
    }
}

/// An issuer and two verifiers that use the list at the same URL.
struct Parties {
    world: World,
    issuer: Revocations,
    mirror: Mirror,
    lookup: RedisLookup,
}

impl Parties {
    /// Each side uses its own Redis user, with the documented rights.
    async fn at(url: &str) -> Self {
        let world = World::sqlite().await;
        let by = |user: &str| url.replace("://", &format!("://{user}:secret@"));
        let settings = ProjectionSettings { url: by("issuer"), ..world.settings() };
        let issuer = world.start_with(settings).await.unwrap();
        let redis = RedisSettings::new(&by("verifier")).unwrap();
        let mirror = Mirror::follow_redis(redis.clone(), MirrorSettings::default());
        let lookup = RedisLookup::new(redis, MirrorSettings::default());
        Self { world, issuer, mirror, lookup }
    }

    async fn revoke(&self, id: u128) {
        let seq = self.world.commit(session(id)).await;
        self.issuer.announce(seq).await;
    }

    async fn both_say(&self, id: u128, verdict: Verdict) {
        eventually(&format!("{id} is {verdict:?}"), async || {
            self.mirror.check(&token(id)) == verdict && self.lookup.check(&token(id)).await == verdict
        })
        .await;
    }

    /// Checks that tokens revoked before and now are refused, and that a valid token is accepted.
    async fn are_well(&self, revoked: &[u128]) {
        self.both_say(1_000, Verdict::NotRevoked).await;
        for id in revoked {
            self.both_say(*id, REVOKED).await;
        }
    }
}

async fn told(redis: &RedisProcess, command: &str) -> String {
    told_by(&mut redis.connection().await, command).await
}

async fn told_by(connection: &mut MultiplexedConnection, command: &str) -> String {
    let mut words = command.split(' ');
    let mut call = redis::cmd(words.next().unwrap());
    for word in words {
        call.arg(word);
    }
    let value: redis::Value = call.query_async(connection).await.unwrap();
    format!("{value:?}")
}

fn port_of(redis: &RedisProcess) -> String {
    redis.address().rsplit_once(':').unwrap().1.to_owned()
}

/// A cluster of three masters and one replica. The second master has the list's slot, and the replica is its replica.
struct Cluster {
    nodes: [RedisProcess; 4],
}

impl Cluster {
    async fn start() -> Self {
        let node = async || {
            let bus = free_port().to_string();
            RedisProcess::start_with(&[
                "--cluster-enabled",
                "yes",
                "--cluster-port",
                &bus,
                "--cluster-node-timeout",
                "3000",
            ])
            .await
        };
        let nodes = [node().await, node().await, node().await, node().await];
        for node in &nodes {
            let_in(node).await;
        }
        let slot = told(&nodes[0], "CLUSTER KEYSLOT {revoked}:epoch").await;
        let slot: u16 = slot.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap();
        told(&nodes[0], &format!("CLUSTER ADDSLOTSRANGE 0 {}", slot - 1)).await;
        told(&nodes[1], &format!("CLUSTER ADDSLOTSRANGE {slot} {slot}")).await;
        told(&nodes[2], &format!("CLUSTER ADDSLOTSRANGE {} 16383", slot + 1)).await;
        for other in &nodes[1..] {
            let bus = told(other, "CONFIG GET cluster-port").await;
            let bus: String = bus.chars().filter(char::is_ascii_digit).collect();
            told(&nodes[0], &format!("CLUSTER MEET 127.0.0.1 {} {bus}", port_of(other))).await;
        }
        let cluster = Self { nodes };
        cluster.agrees("cluster_known_nodes:4").await;
        let master = told(&cluster.nodes[1], "CLUSTER MYID").await;
        let master = master.trim_end_matches(|c: char| !c.is_ascii_hexdigit());
        let master = &master[master.len() - 40..];
        eventually("the replica knows its master", async || {
            let mut replica = cluster.nodes[3].connection().await;
            let asked =
                redis::cmd("CLUSTER").arg("REPLICATE").arg(master).query_async::<()>(&mut replica).await;
            asked.is_ok()
        })
        .await;
        eventually("the replica follows", async || {
            told(&cluster.nodes[3], "INFO replication").await.contains("master_link_status:up")
        })
        .await;
        cluster.agrees("cluster_state:ok").await;
        cluster
    }

    async fn agrees(&self, fact: &str) {
        for node in &self.nodes {
            eventually(fact, async || told(node, "CLUSTER INFO").await.contains(fact)).await;
        }
    }

    /// Orders the replica to take over. An order is valid for five seconds, and repeating it within that time would
    /// restart the failover.
    async fn fail_over(&self) {
        let replica = &self.nodes[3];
        let is_master = async || told(replica, "ROLE").await.contains("master");
        for _ in 0..6 {
            let mut connection = replica.connection().await;
            // The order is refused if the replica has taken over in the meantime.
            let _ = redis::cmd("CLUSTER").arg("FAILOVER").query_async::<()>(&mut connection).await;
            let taking_over = eventually("the replica takes over", is_master);
            if tokio::time::timeout(Duration::from_secs(8), taking_over).await.is_ok() {
                return;
            }
        }
        panic!("the replica does not take over");
    }

    fn url(&self) -> String {
        format!("redis-cluster://{}", self.nodes[0].address())
    }
}

#[tokio::test]
async fn a_cluster_is_asked_where_the_list_is_and_asked_again_after_a_failover() {
    let cluster = Cluster::start().await;
    let parties = Parties::at(&cluster.url()).await;
    parties.revoke(1).await;
    parties.are_well(&[1]).await;
    let holder = told(&cluster.nodes[1], "EXISTS {revoked}:events").await;
    assert_eq!(holder, "int(1)");

    // An ordered failover: the old master continues as a replica.
    cluster.fail_over().await;
    parties.revoke(2).await;
    parties.are_well(&[1, 2]).await;
}

#[tokio::test]
async fn a_cluster_whose_master_dies_is_followed_to_the_next() {
    let mut cluster = Cluster::start().await;
    let parties = Parties::at(&cluster.url()).await;
    parties.revoke(1).await;
    parties.are_well(&[1]).await;
    cluster.nodes[1].kill();
    parties.revoke(2).await;
    parties.are_well(&[1, 2]).await;
}

#[tokio::test]
async fn a_cluster_of_which_no_node_answers_proves_nothing() {
    let dead = free_port();
    let parties = Parties::at(&format!("redis-cluster://127.0.0.1:{dead}")).await;
    parties.revoke(1).await;
    eventually("it is told", async || parties.mirror.status().last_error.is_some()).await;
    parties.both_say(2, Verdict::Unknown).await;
}

/// A Sentinel process, killed on drop.
struct Sentinel {
    child: Child,
    port: u16,
    _directory: tempfile::TempDir,
}

impl Sentinel {
    fn of(master: &RedisProcess) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file: PathBuf = directory.path().join("sentinel.conf");
        let port = free_port();
        let configuration = format!(
            "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor main 127.0.0.1 {} 1\n\
             sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 2000\n",
            directory.path().display(),
            port_of(master),
        );
        std::fs::write(&file, configuration).unwrap();
        let mut command = Command::new("redis-server");
        command.arg(&file).arg("--sentinel").stdout(Stdio::null()).stderr(Stdio::null());
        Self { child: command.spawn().unwrap(), port, _directory: directory }
    }

    async fn told(&self, command: &str) -> Option<String> {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.port)).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.ok()?;
        Some(told_by(&mut connection, command).await)
    }

    /// Waits until the Sentinel knows the replica, so that it can promote it.
    async fn knows_a_replica(&self) {
        eventually("the Sentinel has met the replica", async || {
            let told = self.told("SENTINEL REPLICAS main").await.unwrap_or_default();
            told.contains("master-link-status") && told.contains("bulk-string('\"ok\"')")
        })
        .await;
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Watched {
    master: RedisProcess,
    replica: RedisProcess,
    sentinels: [Sentinel; 1],
}

impl Watched {
    async fn start() -> Self {
        let master = RedisProcess::start().await;
        let replica = RedisProcess::start_with(&["--replicaof", "127.0.0.1", &port_of(&master)]).await;
        eventually("the replica follows", async || {
            told(&replica, "INFO replication").await.contains("master_link_status:up")
        })
        .await;
        let_in(&master).await;
        let_in(&replica).await;
        let sentinels = [Sentinel::of(&master)];
        for sentinel in &sentinels {
            sentinel.knows_a_replica().await;
        }
        Self { master, replica, sentinels }
    }

    /// A URL in which one of the named Sentinels does not exist.
    fn url(&self) -> String {
        format!("redis-sentinel://127.0.0.1:{},127.0.0.1:{}/main", free_port(), self.sentinels[0].port)
    }
}

#[tokio::test]
async fn sentinels_are_asked_who_is_master_and_asked_again_when_it_dies() {
    let mut watched = Watched::start().await;
    let parties = Parties::at(&watched.url()).await;
    parties.revoke(1).await;
    parties.are_well(&[1]).await;
    watched.master.kill();
    parties.revoke(2).await;
    parties.are_well(&[1, 2]).await;
    assert!(told(&watched.replica, "ROLE").await.contains("master"));
}

/// The old master is cut off from the Sentinels, but not from the services. No connection fails, but all services
/// must move to the new master.
#[tokio::test]
async fn a_former_master_is_left_although_it_still_answers() {
    let watched = Watched::start().await;
    let parties = Parties::at(&watched.url()).await;
    parties.revoke(1).await;
    parties.are_well(&[1]).await;
    // The Sentinels are told that the master is at a port where no server listens, so they consider it dead although
    // it runs.
    let old = told(&watched.master, "CONFIG GET port").await;
    let sentinel = &watched.sentinels[0];
    sentinel.told("SENTINEL REMOVE main").await.unwrap();
    told(&watched.replica, "REPLICAOF NO ONE").await;
    let other = port_of(&watched.replica);
    sentinel.told(&format!("SENTINEL MONITOR main 127.0.0.1 {other} 1")).await.unwrap();
    eventually("everybody is at the new master", async || {
        parties.revoke(2).await;
        told(&watched.replica, "EXISTS {revoked}:sid:00000000-0000-0000-0000-000000000002").await == "int(1)"
    })
    .await;
    assert!(told(&watched.master, "ROLE").await.contains("master"), "the old master still runs: {old}");
    parties.are_well(&[1, 2]).await;
    parties.revoke(3).await;
    parties.are_well(&[1, 2, 3]).await;
}
