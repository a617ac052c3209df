//! Server processes for tests: the PostgreSQL server of a test process, a standby of it, and a PgBouncer in front of
//! it.
#![expect(clippy::expect_used, clippy::panic, reason = "only tests call this")]

use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use diesel::{Connection, PgConnection};

use super::TestDatabase;

/// The user id of `nobody`: these programs refuse to run as root.
const NOBODY: u32 = 65_534;

/// A process that is killed on drop.
pub(super) struct Process(pub(super) Child);

impl Drop for Process {
    fn drop(&mut self) {
        // An error means that the process has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// A command that runs as another user if the test runs as root.
pub(super) fn unprivileged(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir("/");
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// Makes the user of [`unprivileged`] the owner of a file or folder.
pub(super) fn give_to_unprivileged_user(path: &Path) {
    if is_root() {
        chown(path, Some(NOBODY), Some(NOBODY)).expect("root may change the owner of a file");
    }
}

pub(super) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("the address of a listener").port()
}

/// Waits until `is_so` returns true. Returns `false` if it does not within `limit`.
pub(super) fn wait_until(limit: Duration, mut is_so: impl FnMut() -> bool) -> bool {
    let end = tokio::time::Instant::now() + limit;
    while !is_so() {
        if tokio::time::Instant::now() > end {
            return false;
        }
        std::thread::park_timeout(Duration::from_millis(50));
    }
    true
}

/// The path of a PostgreSQL program: in Debian's folder, or on the `PATH`.
pub(super) fn postgres_program(name: &str) -> std::path::PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<_> = versions.map(|version| version.path().join("bin").join(name)).collect();
    found.retain(|path| path.exists());
    found.sort();
    found.pop().unwrap_or_else(|| name.into())
}

/// Runs the server and ends with it. Its standard input is a pipe that the test process never writes to: the pipe
/// closes when that process ends, in whatever way, and then the server is stopped.
const SUPERVISOR_SCRIPT: &str = r#"
folder=$1
shift
exec 3<&0
"$@" 3<&- >"$folder/log" 2>&1 &
server=$!
(cat <&3 >/dev/null; kill -QUIT "$server") &
wait "$server"
rm -rf "$folder"
"#;

/// What to do where no server can be started.
const ADVICE: &str =
    "run ./scripts/test, which installs what is missing and starts a server, or set TEST_POSTGRES_URL";

/// The URL of the server, as its superuser. Starts a server at the first call of a process if `TEST_POSTGRES_URL` is
/// not set; the server ends with the process.
///
/// # Panics
/// If no server can be started: a test that lacks its database fails, it is not skipped.
pub(super) fn server_url() -> &'static str {
    static URL: OnceLock<Result<String, String>> = OnceLock::new();
    let url = URL.get_or_init(|| match std::env::var("TEST_POSTGRES_URL") {
        Ok(url) => Ok(url),
        Err(_) => start(),
    });
    match url {
        Ok(url) => url,
        Err(reason) => panic!("{reason}: {ADVICE}"),
    }
}

fn start() -> Result<String, String> {
    // Another process may have taken the port in between: then another port.
    for _ in 0..5 {
        if let Some(url) = try_start(free_port())? {
            return Ok(url);
        }
    }
    Err("PostgreSQL does not start".to_owned())
}

fn try_start(port: u16) -> Result<Option<String>, String> {
    // The supervisor removes it.
    let folder =
        tempfile::Builder::new().prefix("latchkey-test.").tempdir().expect("a temporary folder").keep();
    give_to_unprivileged_user(&folder);
    let data = folder.join("data");
    let made = unprivileged(postgres_program("initdb"))
        .args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "-D"])
        .arg(&data)
        .output();
    match made {
        Err(_) => {
            remove(&folder);
            return Err("PostgreSQL is not installed (package postgresql)".to_owned());
        }
        Ok(made) if !made.status.success() => {
            remove(&folder);
            let reason = String::from_utf8_lossy(&made.stderr);
            return Err(format!("initdb failed ({})", reason.lines().last().unwrap_or_default()));
        }
        Ok(_) => {}
    }
    let mut supervisor = unprivileged("sh");
    supervisor
        .args(["-c", SUPERVISOR_SCRIPT, "sh"])
        .arg(&folder)
        .arg(postgres_program("postgres"))
        .arg("-D")
        .arg(&data);
    supervisor.args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1"]);
    supervisor.args(["-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "max_connections=400"]);
    // Of a group of its own: an interrupt at the terminal ends the tests, and by that the server.
    supervisor.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut supervisor = supervisor.spawn().expect("sh is installed");
    let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
    let has_ended = |supervisor: &mut Child| !matches!(supervisor.try_wait(), Ok(None));
    let is_decided = || has_ended(&mut supervisor) || PgConnection::establish(&url).is_ok();
    let answered = wait_until(Duration::from_secs(60), is_decided) && !has_ended(&mut supervisor);
    // The pipe stays open as long as this process lives.
    if answered {
        std::mem::forget(supervisor);
    }
    Ok(answered.then_some(url))
}

fn remove(folder: &Path) {
    // What cannot be removed is a folder in the place for temporary files.
    let _ = std::fs::remove_dir_all(folder);
}

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
    pub fn of(database: &TestDatabase) -> Self {
        let primary = url::Url::parse(database.url()).expect("the URL of a test's database is valid");
        let folder = tempfile::tempdir().expect("a temporary folder");
        give_to_unprivileged_user(folder.path());
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
            if wait_until(Duration::from_secs(30), answers) {
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
    pub fn in_front_of(database: &TestDatabase, connections: u32) -> Self {
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
            give_to_unprivileged_user(folder.path());
            give_to_unprivileged_user(&file);
            let mut command = unprivileged("pgbouncer");
            let started = command.arg(&file).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
            let process = Process(started.expect("pgbouncer is installed (package pgbouncer)"));
            let mut url = server.clone();
            url.set_port(Some(listening)).expect("a URL with a host");
            let answers = || PgConnection::establish(url.as_str()).is_ok();
            if wait_until(Duration::from_secs(5), answers) {
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
