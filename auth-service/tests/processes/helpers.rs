//! Helpers: an auth-service process, a client of it, and a verifier.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use reqwest::{Client, StatusCode};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use service_kit::database::testing::TestDatabase;
use shared_claims::revocation::{FeedSettings, Mirror, MirrorSettings, RedisSettings, RevocationSource};
use shared_claims::testing::free_port;
use shared_claims::verifier::{Verifier, VerifyError};

pub(crate) const PASSWORD: &str = "a good long password";
const START_LIMIT: Duration = Duration::from_secs(30);

/// The settings of a process. The same values start its replica, or restart it.
#[derive(Clone)]
pub(crate) struct ServiceSettings {
    pub(crate) issuer: String,
    environment: Vec<(String, String)>,
    config: Option<String>,
}

impl ServiceSettings {
    pub(crate) fn on(database: &TestDatabase) -> Self {
        let port = free_port();
        let settings =
            Self { issuer: format!("http://127.0.0.1:{port}"), environment: Vec::new(), config: None };
        settings
            .with("AUTH__HTTP__BIND", &format!("127.0.0.1:{port}"))
            .with("AUTH__DATABASE__URL", database.url())
            .with("AUTH__MAIL__FOLDER", &database.folder().join("mail").display().to_string())
            .with("AUTH__PASSWORDS__BCRYPT_COST", "4")
            // Tests share their machine, and no login may be refused because others are busy.
            .with("AUTH__PASSWORDS__MAX_WAIT_MS", "60000")
            .with("AUTH__KEYS__ENCRYPTION_KEY", &"0123456789abcdef".repeat(4))
            .with("AUTH__HTTP__WORKERS", "2")
            // One user stands for many, so rate limits are off.
            .with("AUTH__THROTTLE__ENABLED", "false")
            .with("AUTH__SESSIONS__MAX_PER_USER", "0")
    }

    /// Keeps the revocation list in this Redis, with proofs that are valid for three seconds.
    pub(crate) fn projecting_to(self, address: &str) -> Self {
        self.with("AUTH__REVOCATION__REDIS_URL", &format!("redis://{address}/0"))
            .with("AUTH__REVOCATION__LIST_TTL_SECONDS", "3")
    }

    /// The folder in which mails are put.
    pub(crate) fn mail_folder(&self) -> std::path::PathBuf {
        self.get("AUTH__MAIL__FOLDER").into()
    }

    /// Uses this settings file.
    pub(crate) fn configured_by(self, path: &str) -> Self {
        Self { config: Some(path.to_owned()), ..self }
    }

    /// The settings of a replica, which listens on another port.
    pub(crate) fn replica(&self) -> Self {
        self.clone().with("AUTH__HTTP__BIND", &format!("127.0.0.1:{}", free_port()))
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    fn get(&self, name: &str) -> &str {
        &self.environment.iter().find(|(known, _)| known == name).unwrap().1
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_auth-service"));
        command.env_clear().env("AUTH__ISSUER", &self.issuer).stdin(Stdio::null());
        if let Some(config) = &self.config {
            command.args(["--config", config]);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        command
    }

    /// Starts the process and waits until it is ready.
    pub(crate) async fn start(&self) -> Service {
        self.start_logging_to(Stdio::null()).await
    }

    /// Starts the process with its log redirected, and waits until it is ready.
    pub(crate) async fn start_logging_to(&self, log: impl Into<Stdio>) -> Service {
        self.started(self.command(), log).await
    }

    /// Starts the process with these limits (options of `prlimit`), and waits until it is ready.
    pub(crate) async fn start_under(&self, limits: &[&str]) -> Service {
        let inner = self.command();
        let mut command = Command::new("prlimit");
        command.args(limits).arg("--").arg(inner.get_program()).args(inner.get_args()).stdin(Stdio::null());
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        // As in the Dockerfile: glibc returns the memory of large buffers to the system when they are freed.
        command.env("MALLOC_MMAP_THRESHOLD_", "131072");
        command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        self.started(command, Stdio::null()).await
    }

    /// Starts the process, and does not wait.
    pub(crate) fn spawn(&self) -> Service {
        self.spawned(self.command(), Stdio::null())
    }

    fn spawned(&self, mut command: Command, log: impl Into<Stdio>) -> Service {
        let child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        Service { child, url: format!("http://{}", self.get("AUTH__HTTP__BIND")), client: Client::new() }
    }

    async fn started(&self, command: Command, log: impl Into<Stdio>) -> Service {
        let service = self.spawned(command, log);
        let serving = async || {
            let asked = service.client.get(format!("{}/readyz", service.url)).send().await;
            asked.is_ok_and(|answer| answer.status() == StatusCode::OK)
        };
        eventually("the service is ready", START_LIMIT, serving).await;
        service
    }
}

pub(crate) struct Service {
    child: Child,
    pub(crate) url: String,
    pub(crate) client: Client,
}

impl Service {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.url.trim_start_matches("http://").parse().unwrap()
    }

    /// Kills the process (`kill -9`).
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends `SIGTERM` and returns the exit status.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.child.wait().unwrap()
    }

    /// Sends `SIGTERM` and returns the exit status. The process must end within this time.
    pub(crate) async fn terminated_within(mut self, limit: Duration) -> ExitStatus {
        self.signal(Signal::TERM);
        let mut ended = None;
        eventually("the process has ended", limit, async || {
            ended = self.child.try_wait().unwrap();
            ended.is_some()
        })
        .await;
        ended.unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    pub(crate) async fn register(&self, username: &str) -> StatusCode {
        let body = json!({"username": username, "password": PASSWORD});
        self.client.post(format!("{}/auth/register", self.url)).json(&body).send().await.unwrap().status()
    }

    pub(crate) async fn tokens(&self, username: &str) -> Value {
        let form = [("username", username), ("password", PASSWORD)];
        let answer = self.client.post(format!("{}/auth/token", self.url)).form(&form).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        answer.json().await.unwrap()
    }

    pub(crate) async fn access_token(&self, username: &str) -> String {
        self.tokens(username).await["access_token"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn post(&self, path: &str, token: &str) -> StatusCode {
        self.client.post(format!("{}{path}", self.url)).bearer_auth(token).send().await.unwrap().status()
    }

    pub(crate) async fn me(&self, token: &str) -> StatusCode {
        self.client.get(format!("{}/auth/me", self.url)).bearer_auth(token).send().await.unwrap().status()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A verifier's answer about a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Accepted,
    Revoked,
    Unavailable,
}

pub(crate) struct ResourceServer(Verifier);

/// How long a test waits for a condition. Speed is measured elsewhere.
pub(crate) const WAIT_LIMIT: Duration = Duration::from_secs(20);

/// The bound of the verifiers in these tests.
const BOUND: Duration = Duration::from_secs(3);

impl ResourceServer {
    /// A resource server that mirrors the list from Redis.
    pub(crate) async fn mirroring(issuer: &str, redis_url: &str) -> Self {
        let settings = MirrorSettings::default().max_staleness(BOUND);
        let mirror = Mirror::follow_redis(RedisSettings::new(redis_url).unwrap(), settings);
        let builder = Verifier::builder(issuer).audience("todo-service");
        Self(builder.revocation(RevocationSource::Mirror(mirror)).build().await.unwrap())
    }

    /// A resource server that follows the feed.
    pub(crate) async fn following(issuer: &str) -> Self {
        let feed = FeedSettings::new(&format!("{issuer}/revocations")).unwrap();
        let mirror = Mirror::follow_feed(feed, MirrorSettings::default().max_staleness(BOUND));
        let builder = Verifier::builder(issuer).audience("todo-service");
        Self(builder.revocation(mirror.into()).build().await.unwrap())
    }

    pub(crate) async fn decide(&self, token: &str) -> Decision {
        match self.0.verify(token).await {
            Ok(_) => Decision::Accepted,
            Err(VerifyError::Revoked(_)) => Decision::Revoked,
            Err(VerifyError::Unavailable(_)) => Decision::Unavailable,
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) async fn eventually_decides(&self, expected: Decision, token: &str) {
        let same = async || self.decide(token).await == expected;
        eventually(&format!("{expected:?}"), WAIT_LIMIT, same).await;
    }
}

/// Polls until `condition` holds.
pub(crate) async fn eventually(what: &str, limit: Duration, mut condition: impl AsyncFnMut() -> bool) {
    let polling = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(limit, polling).await.is_ok(), "not within {limit:?}: {what}");
}
