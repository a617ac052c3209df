//! A streaming standby of the tests' PostgreSQL server.

use std::process::Stdio;
use std::time::Duration;

use diesel::{Connection, PgConnection};

use super::TestDatabase;
use super::process::{Process, comes_true, free_port, hand_over, postgres_program, unprivileged};

/// A standby server. Killed when dropped.
pub struct Standby {
    url: String,
    address: String,
    _process: Process,
    _folder: tempfile::TempDir,
}

impl Standby {
    /// Copies the server of a test's database and follows it.
    ///
    /// # Panics
    /// If the copy or the start fails.
    #[expect(clippy::panic, clippy::expect_used, reason = "only tests call this")]
    pub fn of(database: &TestDatabase) -> Self {
        let primary = url::Url::parse(database.url()).expect("the URL of a test's database is valid");
        let folder = tempfile::tempdir().expect("a temporary folder");
        hand_over(folder.path());
        let data = folder.path().join("data");
        let copied = unprivileged(postgres_program("pg_basebackup"))
            .args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync", "--pgdata"])
            .arg(&data)
            .args(["--host", primary.host_str().unwrap_or("127.0.0.1")])
            .args(["--port", &primary.port().unwrap_or(5432).to_string(), "--username", primary.username()])
            .output()
            .expect("pg_basebackup is installed (package postgresql)");
        assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
        for _ in 0..5 {
            let port = free_port();
            let started = unprivileged(postgres_program("postgres"))
                .arg("-D")
                .arg(&data)
                .args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1"])
                .args(["-c", "unix_socket_directories=", "-c", "fsync=off"])
                // A standby must allow at least as many connections as its primary.
                .args(["-c", "max_connections=1000"])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn();
            let process = Process(started.expect("postgres is installed (package postgresql)"));
            let mut url = primary.clone();
            url.set_port(Some(port)).expect("a URL with a host");
            let answers = || PgConnection::establish(url.as_str()).is_ok();
            if comes_true(Duration::from_secs(30), answers) {
                let address = format!("127.0.0.1:{port}");
                return Self { url: url.into(), address, _process: process, _folder: folder };
            }
        }
        panic!("the standby does not start");
    }

    /// The URL of the test's database on the standby.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Host and port of the standby.
    pub fn address(&self) -> &str {
        &self.address
    }
}
