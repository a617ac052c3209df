//! The todo-service as a process.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::{Value, json};
use service_kit::database::testing::TestDatabase;
use shared_claims::testing::eventually;

pub(crate) struct Process {
    child: Child,
    url: String,
    client: Client,
}

impl Process {
    /// Starts the service on a free port and waits until it is ready.
    pub(crate) async fn start(database: &TestDatabase, settings: &[(&str, String)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_todo-service"))
            .env_clear()
            .env("TODO__HTTP__BIND", "127.0.0.1:0")
            .env("TODO__DATABASE__URL", database.url())
            .envs(settings.iter().map(|(name, value)| (*name, value.as_str())))
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let log = BufReader::new(child.stderr.take().unwrap());
        let url = tokio::task::spawn_blocking(move || listening_at(log)).await.unwrap();
        let this = Self { child, url, client: Client::new() };
        eventually("the todo-service is ready", Duration::from_secs(10), || async {
            this.get("/readyz", "").await == 200
        })
        .await;
        this
    }

    async fn send(&self, method: Method, path: &str, token: &str, body: Option<Value>) -> (u16, Value) {
        let request = self.client.request(method, format!("{}{path}", self.url)).bearer_auth(token);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or(Value::Null))
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> u16 {
        self.send(Method::GET, path, token, None).await.0
    }

    /// Creates a todo. Returns the status and the todo's path.
    pub(crate) async fn create(&self, token: &str) -> (u16, String) {
        let (status, todo) =
            self.send(Method::POST, "/todos/", token, Some(json!({ "title": "Buy milk" }))).await;
        (status, format!("/todos/{}", todo["id"].as_str().unwrap_or_default()))
    }

    pub(crate) async fn accepts(&self, token: &str) {
        assert_eq!(self.get("/todos/", token).await, 200);
    }

    /// While all parts are connected, a revocation takes effect within a second (CONTRACT §6, point 2).
    pub(crate) async fn refuses_within_a_second(&self, token: &str) {
        eventually("the token is refused", Duration::from_secs(1), || async {
            self.get("/todos/", token).await == 401
        })
        .await;
    }

    /// Sends a signal to the process, by the signal's name.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Asks the process to stop. Returns whether it exited with success.
    pub(crate) async fn stop(mut self) -> bool {
        self.signal("TERM");
        let mut ended = None;
        for _ in 0..1_500 {
            ended = self.child.try_wait().unwrap();
            if ended.is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        ended.expect("the service stops after SIGTERM").success()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads the log until it names the port. A thread reads the rest, so that the pipe never fills up.
fn listening_at(log: impl BufRead + Send + 'static) -> String {
    let mut lines = log.lines();
    let mut seen = Vec::new();
    while let Some(Ok(line)) = lines.next() {
        let event: Value = serde_json::from_str(&line).unwrap_or_default();
        if event["message"] == "server.listening" {
            std::thread::spawn(move || lines.for_each(drop));
            return format!("http://127.0.0.1:{}", event["port"]);
        }
        seen.push(line);
    }
    panic!("the todo-service ended: {}", seen.join("\n"));
}
