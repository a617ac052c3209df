//! PgBouncer in front of a test's database.

use std::process::Stdio;
use std::time::Duration;

use diesel::{Connection, PgConnection};

use super::TestDatabase;
use super::process::{Process, comes_true, free_port, hand_over, unprivileged};

/// A PgBouncer process in transaction mode. Killed when dropped.
pub struct PgBouncer {
    url: String,
    _process: Process,
    _folder: tempfile::TempDir,
}

impl PgBouncer {
    /// Starts PgBouncer with this many connections to the server.
    ///
    /// # Panics
    /// If PgBouncer is not installed (Debian's package `pgbouncer`).
    #[expect(clippy::panic, clippy::expect_used, reason = "only tests call this")]
    pub fn before(database: &TestDatabase, connections: u32) -> Self {
        let server = url::Url::parse(database.url()).expect("the URL of a test's database is valid");
        let (host, port) = (server.host_str().unwrap_or("127.0.0.1"), server.port().unwrap_or(5432));
        let folder = tempfile::tempdir().expect("a temporary folder");
        for _ in 0..5 {
            let listening = free_port();
            let settings = format!(
                "[databases]\n* = host={host} port={port} user={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
                 listen_port = {listening}\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\n\
                 default_pool_size = {connections}\nmax_client_conn = 200\n",
                server.username()
            );
            let file = folder.path().join("pgbouncer.ini");
            std::fs::write(&file, settings).expect("the test's folder is writable");
            hand_over(folder.path());
            hand_over(&file);
            let mut command = unprivileged("pgbouncer");
            let started = command.arg(&file).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
            let process = Process(started.expect("pgbouncer is installed (package pgbouncer)"));
            let mut url = server.clone();
            url.set_port(Some(listening)).expect("a URL with a host");
            let answers = || PgConnection::establish(url.as_str()).is_ok();
            if comes_true(Duration::from_secs(5), answers) {
                return Self { url: url.into(), _process: process, _folder: folder };
            }
        }
        panic!("pgbouncer does not start");
    }

    /// The URL of the test's database through PgBouncer.
    pub fn url(&self) -> &str {
        &self.url
    }
}
