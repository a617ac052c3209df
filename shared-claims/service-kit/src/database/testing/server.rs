//! The PostgreSQL server of a test process: the one that `TEST_POSTGRES_URL` names, or one of its own.
#![expect(clippy::expect_used, clippy::panic, reason = "only tests call this")]

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use diesel::{Connection, PgConnection};

use super::process::{comes_true, free_port, hand_over, postgres_program, unprivileged};

/// Runs the server and ends with it. Its standard input is a pipe that the test process never writes to: the pipe
/// closes when that process ends, in whatever way, and then the server is stopped.
const KEEPER: &str = r#"
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
pub(super) fn url() -> &'static str {
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
    // The keeper removes it.
    let folder =
        tempfile::Builder::new().prefix("latchkey-test.").tempdir().expect("a temporary folder").keep();
    hand_over(&folder);
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
    let mut keeper = unprivileged("sh");
    keeper.args(["-c", KEEPER, "sh"]).arg(&folder).arg(postgres_program("postgres")).arg("-D").arg(&data);
    keeper.args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1"]);
    keeper.args(["-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "max_connections=400"]);
    // Of a group of its own: an interrupt at the terminal ends the tests, and by that the server.
    keeper.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut keeper = keeper.spawn().expect("sh is installed");
    let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
    let has_ended = |keeper: &mut Child| !matches!(keeper.try_wait(), Ok(None));
    let is_decided = || has_ended(&mut keeper) || PgConnection::establish(&url).is_ok();
    let answered = comes_true(Duration::from_secs(60), is_decided) && !has_ended(&mut keeper);
    // The pipe stays open as long as this process lives.
    if answered {
        std::mem::forget(keeper);
    }
    Ok(answered.then_some(url))
}

fn remove(folder: &Path) {
    // What cannot be removed is a folder in the place for temporary files.
    let _ = std::fs::remove_dir_all(folder);
}
