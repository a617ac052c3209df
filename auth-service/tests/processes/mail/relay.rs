//! A real SMTP server: `aiosmtpd`, from the Python package index.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};

use mail_parser::MessageParser;
use serde::Deserialize;
use tempfile::TempDir;

pub(crate) const USER: &str = "relay@example.com";
pub(crate) const PASSWORD: &str = "p$a#s'w\"o\\r d%41";
/// User and password as they stand in a URL.
pub(crate) const LOGIN: &str = "relay%40example.com:p%24a%23s'w%22o%5Cr%20d%2541@";

/// A mail as the server took it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Mail {
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    pub(crate) raw: String,
    pub(crate) ehlo: String,
    pub(crate) encrypted: bool,
    pub(crate) authenticated: bool,
}

impl Mail {
    pub(crate) fn message_id(&self) -> String {
        self.read().message_id().unwrap().to_owned()
    }

    /// The lines of the text part.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.read().body_text(0).unwrap().lines().map(str::to_owned).collect()
    }

    pub(crate) fn subject(&self) -> String {
        self.read().subject().unwrap().to_owned()
    }

    fn read(&self) -> mail_parser::Message<'_> {
        MessageParser::default().parse(self.raw.as_bytes()).unwrap()
    }
}

/// The running server.
pub(crate) struct Relay {
    process: Child,
    pub(crate) port: u16,
    place: TempDir,
    taken: Arc<Mutex<Vec<Mail>>>,
}

impl Relay {
    /// Starts the server: `plain`, `starttls` or `implicit`; with user and password where it is encrypted.
    pub(crate) fn start(mode: &str) -> Self {
        let place = tempfile::tempdir().unwrap();
        let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (certificate, key) = (place.path().join("certificate.pem"), place.path().join("key.pem"));
        std::fs::write(&certificate, issued.cert.pem()).unwrap();
        std::fs::write(&key, issued.signing_key.serialize_pem()).unwrap();
        let mut command = Command::new(python());
        command.arg("-B").arg(folder().join("server.py")).arg(mode).args([&certificate, &key]);
        if mode != "plain" {
            command.args([USER, PASSWORD]);
        }
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines.next().expect("the server starts").unwrap().parse().unwrap();
        let taken: Arc<Mutex<Vec<Mail>>> = Arc::default();
        let shared = Arc::clone(&taken);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                shared.lock().unwrap().push(serde_json::from_str(&line).unwrap());
            }
        });
        Self { process, port, place, taken }
    }

    /// The file with its certificate, which it issued itself.
    pub(crate) fn certificate(&self) -> String {
        self.place.path().join("certificate.pem").display().to_string()
    }

    pub(crate) fn taken(&self) -> Vec<Mail> {
        self.taken.lock().unwrap().clone()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/processes/mail")
}

/// The interpreter of a virtual environment that has the server. The first test installs it below the target folder.
///
/// # Panics
/// If it cannot be installed. A test without its server fails; it is not skipped.
fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("aiosmtpd");
        let (pins, installed) = (folder().join("requirements.txt"), place.join("installed"));
        let wanted = std::fs::read(&pins).unwrap();
        if std::fs::read(&installed).ok().as_ref() != Some(&wanted) {
            run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&place));
            run(Command::new(place.join("bin/pip")).args(["install", "--quiet", "-r"]).arg(&pins));
            std::fs::write(&installed, wanted).unwrap();
        }
        place.join("bin/python")
    })
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().expect("python3 is there; ./scripts/test installs it");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
