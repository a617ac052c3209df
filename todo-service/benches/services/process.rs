//! Starts the services as processes, each in its own directory, and sends requests to them.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use shared_claims::testing::eventually;
use tempfile::TempDir;

const TIME_LIMIT: Duration = Duration::from_secs(120);
const CREDENTIALS: [(&str, &str); 2] = [("username", "ada"), ("password", "a good long password")];

/// A service process. It is killed when dropped.
pub(crate) struct Service {
    child: Child,
    pub(crate) url: String,
    pub(crate) client: Client,
}

impl Service {
    fn start(program: &Path, log: &Path, url: String, environment: &[(&str, String)]) -> Self {
        let log = File::options().append(true).create(true).open(log).unwrap();
        let mut command = Command::new(program);
        command.env_clear().envs(environment.iter().map(|(name, value)| (name, value)));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        let child = child.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        Self { child, url, client: Client::new() }
    }

    /// Waits until the service is ready.
    pub(crate) async fn ready(&self) {
        eventually("the service is ready", TIME_LIMIT, async || self.get("/readyz", "").await == 200).await;
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> u16 {
        let asked = self.client.get(format!("{}{path}", self.url)).bearer_auth(token).send().await;
        asked.map_or(0, |response| response.status().as_u16())
    }

    pub(crate) async fn post(&self, path: &str, token: &str) -> StatusCode {
        self.client.post(format!("{}{path}", self.url)).bearer_auth(token).send().await.unwrap().status()
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The resident memory, in MiB.
    pub(crate) fn resident_mib(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").trim().parse::<f64>().unwrap() / 1024.0
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // An error means that the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The databases, and the issuer's URL.
pub(crate) struct Environment {
    directory: TempDir,
    pub(crate) issuer: String,
    redis: Option<String>,
}

impl Environment {
    /// Revocations are delivered through this Redis, or through the feed if it is `None`.
    pub(crate) fn new(redis: Option<String>) -> Self {
        let issuer = format!("http://{}", free_address());
        Self { directory: TempDir::new().unwrap(), issuer, redis }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Starts the auth-service that was built together with the todo-service.
    pub(crate) fn auth_service(&self) -> Service {
        let environment = self.auth_environment();
        Service::start(&auth_program(), &self.path("auth.log"), self.issuer.clone(), &environment)
    }

    fn auth_environment(&self) -> Vec<(&'static str, String)> {
        let mut environment = vec![
            ("AUTH__ISSUER", self.issuer.clone()),
            ("AUTH__HTTP__BIND", self.issuer.replace("http://", "")),
            ("AUTH__DATABASE__URL", format!("sqlite://{}", self.path("auth.db").display())),
            ("AUTH__KEYS__MASTER_KEY_PATH", self.path("master.key").display().to_string()),
            ("AUTH__PASSWORDS__BCRYPT_COST", "4".to_owned()),
            // The benchmark uses one user and one client for many, and the throttle would refuse them.
            ("AUTH__THROTTLE__ENABLED", "false".to_owned()),
        ];
        environment.extend(self.redis.clone().map(|url| ("AUTH__REVOCATION__REDIS_URL", url)));
        environment
    }

    /// Starts a todo-service with its default settings.
    pub(crate) fn todo_service(&self) -> Service {
        let address = free_address();
        let database = self.path(&format!("todo-{}.db", address.replace(':', "-")));
        let mut environment = vec![
            ("TODO__AUTH__ISSUER", self.issuer.clone()),
            ("TODO__HTTP__BIND", address.clone()),
            ("TODO__DATABASE__URL", format!("sqlite://{}", database.display())),
        ];
        environment.extend(self.redis.clone().map(|url| ("TODO__REVOCATION__REDIS_URL", url)));
        let program = Path::new(env!("CARGO_BIN_EXE_todo-service"));
        Service::start(program, &self.path("todo.log"), format!("http://{address}"), &environment)
    }
}

fn auth_program() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_todo-service")).with_file_name("auth-service")
}

/// Tokens that a client of the auth-service gets with the `client_credentials` grant.
pub(crate) async fn service_tokens(environment: &Environment, auth: &Service, count: usize) -> Vec<String> {
    let made = Command::new(auth_program())
        .env_clear()
        .envs(environment.auth_environment())
        .args(["clients", "create", "--json", "--name", "bench", "--id", "bench"])
        .args(["--grants", "client_credentials", "--scopes", "todos:read", "--audiences", "todo-service"])
        .output()
        .unwrap();
    let made: Value =
        serde_json::from_slice(&made.stdout).unwrap_or_else(|error| panic!("{error}: {made:?}"));
    let secret = made["client_secret"].as_str().unwrap();
    let form = [("grant_type", "client_credentials"), ("client_id", "bench"), ("client_secret", secret)];
    let ask = || auth.client.post(format!("{}/oauth2/token", auth.url)).form(&form).send();
    eventually("the client is known", TIME_LIMIT, async || ask().await.unwrap().status().is_success()).await;
    let mut tokens = Vec::with_capacity(count);
    for _ in 0..count {
        let response: Value = ask().await.unwrap().json().await.unwrap();
        tokens.push(response["access_token"].as_str().unwrap().to_owned());
    }
    tokens
}

/// Registers the user of the benchmark.
pub(crate) async fn register(auth: &Service) {
    let body = json!({ CREDENTIALS[0].0: CREDENTIALS[0].1, CREDENTIALS[1].0: CREDENTIALS[1].1 });
    let response = auth.client.post(format!("{}/auth/register", auth.url)).json(&body).send().await.unwrap();
    assert!(response.status().is_success(), "register: {}", response.status());
}

/// Logs in and returns the access token of the new session.
pub(crate) async fn log_in(auth: &Service) -> String {
    let response =
        auth.client.post(format!("{}/auth/token", auth.url)).form(&CREDENTIALS).send().await.unwrap();
    let response: Value = response.json().await.unwrap();
    response["access_token"].as_str().unwrap_or_else(|| panic!("{response}")).to_owned()
}

/// The time since `began`, in milliseconds.
pub(crate) fn ms_since(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1_000.0
}

fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}
