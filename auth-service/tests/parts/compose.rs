//! Tests of Redis as `docker-compose.yml` starts it: by `deploy/redis/start.sh`, with a user for each service.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};

use auth_service::revocation::ProjectionSettings;
use redis::aio::MultiplexedConnection;
use rustix::process::{Pid, Signal, kill_process};
use shared_claims::revocation::{
    Mirror, MirrorSettings, RedisLookup, RedisSettings, RevocationKind, Verdict,
};
use shared_claims::testing::free_port;
use tempfile::TempDir;

use crate::helpers::{World, eventually, session};
use crate::topology::token;

const AUTH: &str = "the-password-of-the-auth-service";
const TODO: &str = "the-password-of-the-todo-service";
const VERIFIER: &str = "the-password-of-services-elsewhere";

struct ComposedRedis {
    child: Child,
    port: u16,
    directory: TempDir,
}

impl ComposedRedis {
    async fn start() -> Self {
        let (directory, port) = (tempfile::tempdir().unwrap(), free_port());
        Self::start_in(directory, port).await
    }

    /// Stops the process and starts another one with the same files. A crash may lose what waits for the disk, and then the
    /// issuer builds the list again.
    async fn restarted(mut self) -> Self {
        let process = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(process, Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success());
        let directory = std::mem::replace(&mut self.directory, tempfile::tempdir().unwrap());
        Self::start_in(directory, self.port).await
    }

    async fn start_in(directory: TempDir, port: u16) -> Self {
        for (user, password) in [("auth", AUTH), ("todo", TODO), ("verifier", VERIFIER)] {
            // As some editors write it.
            fs::write(
                directory.path().join(format!("{user}_redis_password")),
                format!("\u{feff}{password} \r\n"),
            )
            .unwrap();
        }
        let mut command = Command::new("sh");
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/redis/start.sh"));
        command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--dir"]).arg(directory.path());
        command.env("SECRETS", directory.path()).env("REDIS_USERS_FILE", directory.path().join("users.acl"));
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let redis = Self { child, port, directory };
        eventually("it answers", async || redis.connected_as("todo", TODO).await.is_ok()).await;
        redis
    }

    fn url(&self, user: &str, password: &str) -> String {
        format!("redis://{user}:{password}@127.0.0.1:{}/0", self.port)
    }

    async fn connected_as(&self, user: &str, password: &str) -> redis::RedisResult<MultiplexedConnection> {
        redis::Client::open(self.url(user, password))?.get_multiplexed_async_connection().await
    }

    /// The parts of the process that other users of the machine may read.
    fn shown(&self) -> String {
        let place = format!("/proc/{}", self.child.id());
        let read =
            |name: &str| String::from_utf8_lossy(&fs::read(format!("{place}/{name}")).unwrap()).into_owned();
        read("cmdline") + &read("environ")
    }
}

impl Drop for ComposedRedis {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn refused(connection: &mut MultiplexedConnection, command: &str) -> Option<String> {
    let mut words = command.split(' ');
    let mut call = redis::cmd(words.next().unwrap());
    call.arg(words.collect::<Vec<_>>());
    let answer = call.query_async::<redis::Value>(connection).await;
    answer.err().and_then(|error| error.code().map(str::to_owned))
}

#[tokio::test]
async fn each_service_has_a_user_with_its_rights_and_there_is_no_other() {
    let redis = ComposedRedis::start().await;
    let (world, noperm) = (World::sqlite().await, Some("NOPERM".to_owned()));
    let settings = ProjectionSettings { url: redis.url("auth", AUTH), ..world.settings() };
    let issuer = world.start_with(settings).await.unwrap();
    let reader = RedisSettings::new(&redis.url("todo", TODO)).unwrap();
    let mirror = Mirror::follow_redis(reader.clone(), MirrorSettings::default());
    let lookup = RedisLookup::new(reader, MirrorSettings::default());
    let seq = world.commit(session(1)).await;
    issuer.announce(seq).await;
    for (id, verdict) in [(1, Verdict::Revoked(RevocationKind::Sid)), (2, Verdict::NotRevoked)] {
        eventually("both know", async || {
            [mirror.check(&token(id)), lookup.check(&token(id)).await] == [verdict; 2]
        })
        .await;
    }

    let verifier = RedisSettings::new(&redis.url("verifier", VERIFIER)).unwrap();
    let elsewhere = Mirror::follow_redis(verifier, MirrorSettings::default());
    eventually("a service elsewhere knows", async || {
        elsewhere.check(&token(1)) == Verdict::Revoked(RevocationKind::Sid)
    })
    .await;

    for (user, password) in [("todo", TODO), ("verifier", VERIFIER)] {
        let mut reader = redis.connected_as(user, password).await.unwrap();
        for command in
            ["SET {revoked}:epoch x", "XTRIM {revoked}:events MAXLEN 0", "GET {throttle}:x", "CONFIG GET *"]
        {
            assert_eq!(refused(&mut reader, command).await, noperm, "{user}: {command}");
        }
    }
    let mut auth = redis.connected_as("auth", AUTH).await.unwrap();
    for command in ["FLUSHALL", "KEYS *", "ACL LIST", "FUNCTION FLUSH", "GET other", "CONFIG GET *"] {
        assert_eq!(refused(&mut auth, command).await, noperm, "{command}");
    }
    // What a throttle's counters need: text, hashes, sorted sets, and scripts.
    for command in [
        "SET {throttle}:x 1",
        "HSET {throttle}:h a 1",
        "ZADD {throttle}:z 1 a",
        "ZREMRANGEBYSCORE {throttle}:z 0 1",
        "EXPIRE {throttle}:h 60",
        "EVAL return(1) 1 {throttle}:x",
        "SCRIPT LOAD return(2)",
        "EVALSHA 572625a1039fb30b308c236ab7091a2bd7724d22 1 {throttle}:x",
        "INFO memory",
    ] {
        assert_eq!(refused(&mut auth, command).await, None, "{command}");
    }
    let foreign = "EVAL return(redis.call('SET','other',1)) 1 {throttle}:x";
    assert!(refused(&mut auth, foreign).await.is_some(), "a script reaches no other key");
    // The list is lost, and is built again by the same user.
    assert_eq!(refused(&mut auth, "DEL {revoked}:epoch {revoked}:events").await, None);
    eventually("the list is whole again", async || {
        lookup.check(&token(1)).await == Verdict::Revoked(RevocationKind::Sid)
            && lookup.check(&token(2)).await == Verdict::NotRevoked
    })
    .await;

    for (user, password) in
        [("default", AUTH), ("auth", TODO), ("todo", AUTH), ("verifier", TODO), ("health", AUTH)]
    {
        assert!(redis.connected_as(user, password).await.is_err(), "{user}");
    }
    let client = redis::Client::open(format!("redis://127.0.0.1:{}/0", redis.port)).unwrap();
    let mut nobody = client.get_multiplexed_async_connection().await.unwrap();
    assert_eq!(refused(&mut nobody, "PING").await.as_deref(), Some("NOAUTH"));
    issuer.stop().await;
}

#[tokio::test]
async fn a_restart_brings_back_the_list_from_the_append_only_file() {
    let redis = ComposedRedis::start().await;
    let world = World::sqlite().await;
    let settings = ProjectionSettings { url: redis.url("auth", AUTH), ..world.settings() };
    let issuer = world.start_with(settings).await.unwrap();
    let seq = world.commit(session(1)).await;
    issuer.announce(seq).await;
    let events = async |redis: &ComposedRedis| {
        let mut reader = redis.connected_as("todo", TODO).await.unwrap();
        let mut read = redis::cmd("XRANGE");
        read.arg("{revoked}:events").arg("-").arg("+");
        read.query_async::<redis::Value>(&mut reader).await.unwrap()
    };
    let is_there = async || format!("{:?}", events(&redis).await).contains("sid");
    eventually("the fact is in the list", is_there).await;
    let before = events(&redis).await;
    // Without the issuer nobody builds the list again.
    issuer.stop().await;
    let redis = redis.restarted().await;
    assert_eq!(events(&redis).await, before);
}

#[tokio::test]
async fn no_password_is_shown_or_written_down() {
    let redis = ComposedRedis::start().await;
    let file = redis.directory.path().join("users.acl");
    let written = fs::read_to_string(&file).unwrap();
    for secret in [AUTH, TODO, VERIFIER] {
        assert!(!redis.shown().contains(secret) && !written.contains(secret));
    }
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(redis.shown().contains("redis-server"), "the script was replaced by Redis (exec)");
}

#[tokio::test]
async fn the_health_check_asks_as_a_user_of_its_own() {
    let redis = ComposedRedis::start().await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/redis/healthy.sh");
    let mut check = Command::new("sh");
    check.arg(script).env("SECRETS", redis.directory.path()).env("REDIS_PORT", redis.port.to_string());
    assert!(check.status().unwrap().success());
    assert!(!check.env("REDIS_PORT", free_port().to_string()).status().unwrap().success());
}

#[test]
fn the_rights_are_those_of_the_document() {
    let script = include_str!("../../../deploy/redis/start.sh");
    for (user, introduction) in [
        ("auth", "An ACL for the auth-service"),
        ("todo", "An ACL for a verifier"),
        ("verifier", "An ACL for a verifier"),
    ] {
        let line = script.lines().find(|line| line.starts_with(&format!("user {user} on "))).unwrap();
        let rights = line.split_whitespace().filter(|word| word.starts_with(['+', '-'])).collect::<Vec<_>>();
        let told = crate::rights::documented_for(introduction);
        let told = told.into_iter().filter(|word| word.starts_with(['+', '-'])).collect::<Vec<_>>();
        assert_eq!(rights, told, "{user}");
    }
}
