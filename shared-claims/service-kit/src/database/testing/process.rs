//! Runs server programs for a test.
#![expect(clippy::expect_used, reason = "only tests call this")]

use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

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
pub(super) fn hand_over(path: &Path) {
    if is_root() {
        chown(path, Some(NOBODY), Some(NOBODY)).expect("root may change the owner of a file");
    }
}

pub(super) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("the address of a listener").port()
}

/// Waits until `is_so` returns true. Returns `false` if it does not within `limit`.
pub(super) fn comes_true(limit: Duration, mut is_so: impl FnMut() -> bool) -> bool {
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
