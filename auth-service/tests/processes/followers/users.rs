//! Users who log in and call `/auth/me`, on a separate thread, while a test puts other load on the service.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use reqwest::{Client, StatusCode};
use serde_json::Value;

use crate::helpers::{PASSWORD, Service};

/// The number of rounds of calls before the load begins, and at least while it lasts.
const ROUNDS: usize = 30;

pub(super) struct Users {
    stop: Arc<AtomicBool>,
    calling: JoinHandle<Calls>,
}

/// The results of the calls.
struct Calls {
    /// Milliseconds of each round.
    idle_ms: Vec<u128>,
    meanwhile_ms: Vec<u128>,
    /// The statuses of failed calls.
    refused: Vec<StatusCode>,
    /// The memory of the process before the load, and the highest value during it.
    before_kib: usize,
    most_kib: usize,
}

impl Users {
    /// Registers a user and measures calls without other load. Returns when the load may begin.
    pub(super) async fn of(service: &Service) -> Self {
        assert_eq!(service.register("ada").await, StatusCode::CREATED);
        let stop = Arc::new(AtomicBool::new(false));
        let (idle, begun) = tokio::sync::oneshot::channel();
        let calling = {
            let (stop, url, pid) = (Arc::clone(&stop), service.url.clone(), service.pid());
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            std::thread::spawn(move || runtime.block_on(call(&url, pid, &stop, idle)))
        };
        begun.await.unwrap();
        Self { stop, calling }
    }

    /// Ends the calls. All must have been served, and the memory must not have grown by more than `kib`.
    pub(super) async fn served_within(self, while_there_were: &str, kib: usize) {
        self.stop.store(true, Ordering::Relaxed);
        let calls = tokio::task::spawn_blocking(|| self.calling.join().unwrap()).await.unwrap();
        let grown_kib = calls.most_kib.saturating_sub(calls.before_kib);
        eprintln!(
            "{while_there_were}: {} rounds of calls, p99 {} ms (idle {} ms), {grown_kib} KiB grown",
            calls.meanwhile_ms.len(),
            p99(calls.meanwhile_ms),
            p99(calls.idle_ms)
        );
        assert!(calls.refused.is_empty(), "calls of users: {:?}", calls.refused);
        assert!(grown_kib <= kib, "the process grew by {grown_kib} KiB, not {kib}");
    }
}

fn p99(mut sorted: Vec<u128>) -> u128 {
    sorted.sort_unstable();
    sorted[(sorted.len() * 99 / 100).min(sorted.len() - 1)]
}

async fn call(url: &str, pid: u32, stop: &AtomicBool, idle: tokio::sync::oneshot::Sender<()>) -> Calls {
    let client = Client::new();
    let mut refused = Vec::new();
    let mut round = async || {
        let began = tokio::time::Instant::now();
        refused.extend(log_in_and_call_me(&client, url).await.err());
        began.elapsed().as_millis()
    };
    let (mut idle_ms, mut meanwhile_ms) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        idle_ms.push(round().await);
    }
    let before_kib = resident_kib(pid);
    let mut most_kib = before_kib;
    idle.send(()).unwrap();
    while !stop.load(Ordering::Relaxed) || meanwhile_ms.len() < ROUNDS {
        meanwhile_ms.push(round().await);
        most_kib = most_kib.max(resident_kib(pid));
    }
    Calls { idle_ms, meanwhile_ms, refused, before_kib, most_kib }
}

/// Logs in and calls `/auth/me` with the token. The error is the status of a failed call.
async fn log_in_and_call_me(client: &Client, url: &str) -> Result<(), StatusCode> {
    let form = [("username", "ada"), ("password", PASSWORD)];
    let login = client.post(format!("{url}/auth/token")).form(&form).send().await.unwrap();
    if login.status() != StatusCode::OK {
        return Err(login.status());
    }
    let token: Value = login.json().await.unwrap();
    let asked = client.get(format!("{url}/auth/me")).bearer_auth(token["access_token"].as_str().unwrap());
    match asked.send().await.unwrap().status() {
        StatusCode::OK => Ok(()),
        other => Err(other),
    }
}

fn resident_kib(pid: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}
