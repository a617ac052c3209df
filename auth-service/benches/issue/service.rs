//! Runs the auth-service as a process, with its default settings (except for cheap password hashes).

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Client;
use serde_json::{Value, json};
use shared_claims::testing::eventually;
use tempfile::TempDir;

use crate::load::ticks_seconds;

pub(crate) const PASSWORD: &str = "a good long password";
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Service {
    child: Child,
    pub(crate) url: String,
    client: Client,
    environment: Vec<(&'static str, String)>,
    pub(crate) directory: TempDir,
}

impl Service {
    /// Starts the service with this database; `None` for an SQLite file.
    pub(crate) async fn start(database: Option<String>) -> Self {
        Self::start_with(database, &[]).await
    }

    /// Starts the service with these settings in addition.
    pub(crate) async fn start_with(
        database: Option<String>,
        settings: &[(&'static str, &'static str)],
    ) -> Self {
        let directory = TempDir::new().unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let url = format!("http://{address}");
        let path = |name: &str| directory.path().join(name).display().to_string();
        let mut environment = vec![
            ("AUTH__ISSUER", url.clone()),
            ("AUTH__HTTP__BIND", address),
            ("AUTH__DATABASE__URL", database.unwrap_or_else(|| format!("sqlite://{}", path("auth.db")))),
            ("AUTH__KEYS__MASTER_KEY_PATH", path("master.key")),
            ("AUTH__MAIL__FOLDER", path("mail")),
            ("AUTH__PASSWORDS__BCRYPT_COST", "4".to_owned()),
            // One session stands for many, so rate limits are off.
            ("AUTH__THROTTLE__ENABLED", "false".to_owned()),
        ];
        environment.extend(settings.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let log = std::fs::File::create(path("log")).unwrap();
        let child = command(&environment).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let service = Self { child, url, client, environment, directory };
        let ready = async || {
            let asked = service.client.get(format!("{}/readyz", service.url)).send().await;
            asked.is_ok_and(|answer| answer.status() == 200)
        };
        eventually("the service is ready", PATIENCE, ready).await;
        service
    }

    /// The value of a metric.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let page =
            self.client.get(format!("{}/metrics", self.url)).send().await.unwrap().text().await.unwrap();
        let line = page.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().parse().unwrap()
    }

    /// Creates a confidential client. Returns its Basic credentials.
    pub(crate) async fn client(&self, arguments: &[&str]) -> String {
        let output = command(&self.environment)
            .args(["clients", "create", "--json", "--name", "bench", "--id", "bench"])
            .args(arguments)
            .output()
            .unwrap();
        let made: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
        let secret = made["client_secret"].as_str().unwrap();
        let basic = STANDARD.encode(format!("bench:{secret}"));
        // The service notices the client within half a second.
        tokio::time::sleep(Duration::from_secs(1)).await;
        format!("Basic {basic}")
    }

    /// Posts a JSON body, and returns the status.
    pub(crate) async fn post_json(&self, path: &str, body: &Value) -> u16 {
        let request = self.client.post(format!("{}{path}", self.url)).json(body);
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        // Read to its end, so that the connection is used again.
        answer.bytes().await.unwrap();
        status
    }

    /// Marks the address of a user as verified, as an operator does.
    pub(crate) fn verify_email(&self, name: &str, email: &str) {
        let command =
            command(&self.environment).args(["users", "set-email", name, email, "--verified"]).output();
        assert!(command.unwrap().status.success());
    }

    pub(crate) async fn register(&self, name: &str) {
        let body = json!({"username": name, "password": PASSWORD});
        let answer =
            self.client.post(format!("{}/auth/register", self.url)).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 201);
    }

    pub(crate) async fn log_in(&self, name: &str) -> Value {
        let form = [("username", name), ("password", PASSWORD)];
        let answer = self.client.post(format!("{}/auth/token", self.url)).form(&form).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.json().await.unwrap()
    }

    /// Signs a user in on the hosted page. Returns the browser's cookie.
    pub(crate) async fn sign_in(&self, name: &str) -> String {
        let form = [("username", name), ("password", PASSWORD)];
        let request = self.client.post(format!("{}/login", self.url)).header("origin", &self.url).form(&form);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 303);
        let cookie = answer.headers()["set-cookie"].to_str().unwrap();
        cookie.split(';').next().unwrap().to_owned()
    }

    /// Where a request with this cookie is redirected to.
    pub(crate) async fn location_of(&self, path: &str, cookie: &str) -> String {
        let request = self.client.get(format!("{}{path}", self.url)).header("cookie", cookie);
        request.send().await.unwrap().headers()["location"].to_str().unwrap().to_owned()
    }

    pub(crate) async fn post(&self, path: &str, authorization: &str, form: &[(&str, &str)]) -> Value {
        let request = self.client.post(format!("{}{path}", self.url)).form(form);
        let answer = request.header("authorization", authorization).send().await.unwrap();
        let (status, body) = (answer.status(), answer.text().await.unwrap());
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    /// The processor time of the service so far, in seconds.
    pub(crate) fn processor_seconds(&self) -> f64 {
        ticks_seconds(&self.child.id().to_string(), 11)
    }
}

fn command(environment: &[(&str, String)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_auth-service"));
    command.env_clear().stdin(Stdio::null());
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    command
}

impl Drop for Service {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
