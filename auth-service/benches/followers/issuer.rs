//! An auth-service process with an SQLite file and default settings, except for cheap password hashes, and no rate limits
//! because one user stands for many.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::{Value, json};
use shared_claims::testing::eventually;
use tempfile::TempDir;

use crate::process::{processor_seconds, resident_kib};

pub(crate) const PASSWORD: &str = "a good long password";
const WAIT_LIMIT: Duration = Duration::from_secs(60);

pub(crate) struct Issuer {
    child: Child,
    pub(crate) address: SocketAddr,
    client: Client,
    environment: Vec<(&'static str, String)>,
    pub(crate) directory: TempDir,
}

impl Issuer {
    pub(crate) async fn start() -> Self {
        let directory = TempDir::new().unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let path = |name: &str| directory.path().join(name).display().to_string();
        let environment = vec![
            ("AUTH__ISSUER", format!("http://{address}")),
            ("AUTH__HTTP__BIND", address.to_string()),
            ("AUTH__DATABASE__URL", format!("sqlite://{}", path("auth.db"))),
            ("AUTH__KEYS__MASTER_KEY_PATH", path("master.key")),
            ("AUTH__PASSWORDS__BCRYPT_COST", "4".to_owned()),
            ("AUTH__THROTTLE__ENABLED", "false".to_owned()),
            ("AUTH__SESSIONS__MAX_PER_USER", "0".to_owned()),
        ];
        let child = spawn(&environment);
        let issuer = Self { child, address, client: Client::new(), environment, directory };
        issuer.ready().await;
        issuer
    }

    /// Waits until it is ready.
    pub(crate) async fn ready(&self) {
        let serving = async || {
            let asked = self.client.get(self.url("/readyz")).send().await;
            asked.is_ok_and(|answer| answer.status() == 200)
        };
        eventually("the auth-service is ready", WAIT_LIMIT, serving).await;
    }

    /// Kills the process (`kill -9`) and starts another one with the same database and address.
    pub(crate) fn killed_and_started(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = spawn(&self.environment);
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A command of its command line, with the same settings.
    pub(crate) fn command(&self) -> Command {
        command(&self.environment)
    }

    pub(crate) async fn register(&self, name: &str) {
        let body = json!({"username": name, "password": PASSWORD});
        let answer = self.client.post(self.url("/auth/register")).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 201);
    }

    /// Logs in. Returns the access token of the new session.
    pub(crate) async fn log_in(&self, name: &str) -> String {
        let form = [("username", name), ("password", PASSWORD)];
        let answer = self.client.post(self.url("/auth/token")).form(&form).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let answer: Value = answer.json().await.unwrap();
        answer["access_token"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn get(&self, path: &str) -> String {
        self.client.get(self.url(path)).send().await.unwrap().text().await.unwrap()
    }

    /// The sequence number of the last revocation fact.
    pub(crate) async fn last_place(&self) -> i64 {
        let list: Value = serde_json::from_str(&self.get("/revocations").await).unwrap();
        let cursor = list["cursor"].as_str().unwrap();
        cursor.rsplit_once('.').unwrap().1.parse().unwrap()
    }

    /// The processor time that it has used, in seconds.
    pub(crate) fn processor_seconds(&self) -> f64 {
        processor_seconds(&self.child.id().to_string())
    }

    /// The memory that it uses, in KiB.
    pub(crate) fn resident_kib(&self) -> f64 {
        resident_kib(&self.child.id().to_string())
    }
}

/// The measured times of a logout.
pub(crate) struct Logout {
    /// When the client had the whole response.
    pub(crate) answered: Instant,
    pub(crate) took: Duration,
    /// The number of attempts that were refused before it succeeded.
    pub(crate) refused: u64,
}

/// Logs out on a separate thread and connection, so that the followers in this process do not delay it.
pub(crate) async fn log_out(address: SocketAddr, token: String) -> Logout {
    let logout = tokio::task::spawn_blocking(move || {
        let head =
            format!("POST /auth/logout HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n");
        let request = format!("{head}content-length: 0\r\nconnection: close\r\n\r\n");
        let mut refused = 0;
        loop {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_nodelay(true).unwrap();
            let sent = Instant::now();
            stream.write_all(request.as_bytes()).unwrap();
            let mut first = [0; 64];
            let read = stream.read(&mut first).unwrap();
            let answered = Instant::now();
            if first[..read].starts_with(b"HTTP/1.1 2") {
                return Logout { answered, took: answered - sent, refused };
            }
            refused += 1;
        }
    });
    logout.await.unwrap()
}

fn command(environment: &[(&str, String)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_auth-service"));
    command.env_clear().stdin(Stdio::null());
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    command
}

fn spawn(environment: &[(&str, String)]) -> Child {
    command(environment).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

impl Drop for Issuer {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
