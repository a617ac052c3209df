//! A `redis-server` process that a test controls, and free ports for processes that are started, killed and started again.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// The first port to try. Operating systems assign dynamic ports above this range (Linux from 32768, IANA's range from
/// 49152), so a port that is free here stays free while the test's process is down.
const FIRST_PORT: u32 = 15_000;
const PORTS: u32 = 15_000;

/// A Redis process on a free port, with its own directory. Killed when dropped.
///
/// ```
/// use shared_claims::testing::RedisProcess;
///
/// async fn has_a_hard_day() {
///     let mut redis = RedisProcess::start_with(&["--maxmemory", "10mb"]).await;
///     let _: String = redis::cmd("SAVE").query_async(&mut redis.connection().await).await.unwrap();
///     assert!(redis.directory().join("dump.rdb").exists());
///     redis.pause();
///     redis.resume();
///     redis.kill();
///     redis.restart().await;
///     println!("{} is there again", redis.url());
///     assert_ne!(RedisProcess::start().await.address(), redis.address());
/// }
/// ```
#[derive(Debug)]
pub struct RedisProcess {
    child: Option<Child>,
    directory: TempDir,
    port: u16,
    arguments: Vec<String>,
}

impl RedisProcess {
    /// Starts an empty Redis that writes nothing to disk unless it is told to (`SAVE`).
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts Redis with further arguments (`--maxmemory`, `10mb`, …).
    pub async fn start_with(arguments: &[&str]) -> Self {
        let directory = TempDir::new().expect("a directory for redis-server");
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let mut process = Self { child: None, directory, port: 0, arguments };
        for _ in 0..5 {
            process.port = free_port();
            // If another process took the port in the meantime, another port is tried.
            if process.spawn().await {
                return process;
            }
        }
        panic!("redis-server does not start; is it installed (package redis-server)?");
    }

    /// The URL of database 0.
    pub fn url(&self) -> String {
        format!("redis://{}/0", self.address())
    }

    /// Host and port.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The directory of its dump file.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Opens a connection to it.
    pub async fn connection(&self) -> MultiplexedConnection {
        let client = ::redis::Client::open(self.url()).expect("the URL of the test's Redis is valid");
        client.get_multiplexed_async_connection().await.expect("a connection to redis-server")
    }

    /// Kills the process at once, as `kill -9` does.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // An error means that the process has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts it again on the same port, with the data that it had saved.
    pub async fn restart(&mut self) {
        self.kill();
        assert!(self.spawn().await, "redis-server does not start again on port {}", self.port);
    }

    /// Suspends the process (`SIGSTOP`): connections stay open, but nothing is answered.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Resumes the process.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("redis-server is running");
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(pid, signal).expect("a signal can be sent to the child process");
    }

    async fn spawn(&mut self) -> bool {
        let mut command = Command::new("redis-server");
        command.args([
            "--port",
            &self.port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ]);
        command.arg("--dir").arg(self.directory.path()).args(&self.arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("redis-server on the PATH (package redis-server)");
        let child = self.child.insert(child);
        for _ in 0..500 {
            if child.try_wait().expect("the state of the child process is known").is_some() {
                break;
            }
            if answers(self.port).await {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.kill();
        false
    }
}

impl Drop for RedisProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Whether the server answers and has loaded its data. Uses plain text, so that it works without the password.
async fn answers(port: u16) -> bool {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let Ok(mut stream) = tokio::net::TcpStream::connect(("127.0.0.1", port)).await else { return false };
    let mut answer = [0; 128];
    let exchange = async {
        stream.write_all(b"PING\r\n").await?;
        stream.read(&mut answer).await
    };
    let read = tokio::time::timeout(Duration::from_secs(1), exchange).await;
    matches!(read, Ok(Ok(n)) if answer.get(..n).is_some_and(|answer| answer.starts_with(b"+PONG") || answer.starts_with(b"-NOAUTH")))
}

/// A free port of 127.0.0.1 that no other call in this process has returned.
///
/// ```
/// use shared_claims::testing::free_port;
///
/// assert_ne!(free_port(), free_port());
/// ```
pub fn free_port() -> u16 {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    // Test processes that run at the same time start at different ports.
    let begin = std::process::id().wrapping_mul(611);
    for _ in 0..PORTS {
        let next = begin.wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed)) % PORTS;
        let port = u16::try_from(FIRST_PORT + next).expect("a port");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free");
}
