//! An SMTP server that does what a test wants: it takes mails, refuses them, or goes wrong.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

pub(crate) const USER: &str = "relay@example.com";
pub(crate) const PASSWORD: &str = "p$a#s'w\"o\\r d%41";

/// When TLS begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    Never,
    AtOnce,
    AfterStartTls,
}

/// What the server does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Behaviour {
    pub(crate) tls: When,
    /// The mechanisms of AUTH that it offers, which are then required; `None`: it needs none.
    pub(crate) auth: Option<&'static str>,
    /// Takes the connection and says nothing.
    pub(crate) is_silent: bool,
    /// What somebody on the wire appends to the reply before the TLS handshake.
    pub(crate) injected: &'static str,
    /// Ends the connection after the mail instead of answering, this many times.
    pub(crate) breaks: usize,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self { tls: When::Never, auth: None, is_silent: false, injected: "", breaks: 0 }
    }
}

/// A mail that the server took.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    pub(crate) to: String,
    pub(crate) raw: String,
    pub(crate) was_encrypted: bool,
}

impl Taken {
    pub(crate) fn message_id(&self) -> &str {
        self.raw.lines().find_map(|line| line.strip_prefix("Message-ID: ")).unwrap()
    }
}

pub(crate) struct SmtpServer {
    pub(crate) address: SocketAddr,
    /// Its certificate for `localhost` and 127.0.0.1, which it issued itself.
    pub(crate) certificate: String,
    state: Arc<State>,
}

struct State {
    behaviour: Behaviour,
    tls: Arc<ServerConfig>,
    taken: Mutex<Vec<Taken>>,
    said: Mutex<Vec<String>>,
    greylisted: Mutex<HashSet<String>>,
    broken: AtomicUsize,
    open: AtomicUsize,
    most_open: AtomicUsize,
}

impl SmtpServer {
    pub(crate) fn start(behaviour: Behaviour) -> Self {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let tls = ServerConfig::builder_with_provider(
            tokio_rustls::rustls::crypto::aws_lc_rs::default_provider().into(),
        )
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
        let state = Arc::new(State {
            behaviour,
            tls: Arc::new(tls),
            taken: Mutex::default(),
            said: Mutex::default(),
            greylisted: Mutex::default(),
            broken: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            most_open: AtomicUsize::new(0),
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let serving = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let state = Arc::clone(&serving);
                std::thread::spawn(move || {
                    let open = state.open.fetch_add(1, Ordering::SeqCst) + 1;
                    state.most_open.fetch_max(open, Ordering::SeqCst);
                    // The client may end the connection at any point.
                    let _ = state.serve(stream);
                    state.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, certificate: made.cert.pem(), state }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn taken(&self) -> Vec<Taken> {
        self.state.taken.lock().unwrap().clone()
    }

    /// All commands of all connections, in order.
    pub(crate) fn said(&self) -> Vec<String> {
        self.state.said.lock().unwrap().clone()
    }

    pub(crate) fn most_open(&self) -> usize {
        self.state.most_open.load(Ordering::SeqCst)
    }
}

/// How a part of a connection ended.
enum End {
    StartTls,
    Quit,
}

impl State {
    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        if self.behaviour.is_silent {
            let mut rest = Vec::new();
            return (&stream).read_to_end(&mut rest).map(drop);
        }
        let mut plain = stream.try_clone()?;
        if self.behaviour.tls != When::AtOnce {
            plain.write_all(b"220 test.example ESMTP\r\n")?;
            match self.talk(&mut Lines::new(plain), false)? {
                End::Quit => return Ok(()),
                End::StartTls => {
                    let reply = format!("220 2.0.0 go ahead\r\n{}", self.behaviour.injected);
                    (&stream).write_all(reply.as_bytes())?;
                }
            }
        }
        let connection = ServerConnection::new(Arc::clone(&self.tls)).map_err(std::io::Error::other)?;
        let mut lines = Lines::new(StreamOwned::new(connection, stream));
        if self.behaviour.tls == When::AtOnce {
            lines.write("220 test.example ESMTP")?;
        }
        self.talk(&mut lines, true).map(drop)
    }

    fn talk<S: Read + Write>(&self, lines: &mut Lines<S>, is_encrypted: bool) -> std::io::Result<End> {
        let mut is_known = self.behaviour.auth.is_none();
        let mut to = String::new();
        loop {
            let line = lines.read()?;
            self.said.lock().unwrap().push(line.clone());
            let command = line.split(' ').next().unwrap().to_ascii_uppercase();
            match command.as_str() {
                "EHLO" => {
                    let offers_tls = self.behaviour.tls == When::AfterStartTls && !is_encrypted;
                    lines.write("250-test.example")?;
                    if offers_tls {
                        lines.write("250-STARTTLS")?;
                    }
                    if let Some(mechanisms) = self.behaviour.auth.filter(|_| !offers_tls) {
                        lines.write(&format!("250-AUTH {mechanisms}"))?;
                    }
                    lines.write("250 SIZE 1000000")?;
                }
                "STARTTLS" if !is_encrypted && self.behaviour.tls == When::AfterStartTls => {
                    return Ok(End::StartTls);
                }
                "AUTH" => {
                    is_known = authenticate(lines, &line)?;
                    let refusal = "535 5.7.8 user and password do not match";
                    lines.write(if is_known { "235 2.7.0 welcome" } else { refusal })?;
                }
                "MAIL" if !is_known => lines.write("530 5.7.0 authenticate first")?,
                "MAIL" => lines.write("250 2.1.0 fine")?,
                "RCPT" => {
                    line.split(['<', '>']).nth(1).unwrap_or_default().clone_into(&mut to);
                    lines.write(&self.answer_to_receiver(&to))?;
                }
                "DATA" => {
                    lines.write("354 go on")?;
                    let raw = lines.read_mail()?;
                    if self.broken.fetch_add(1, Ordering::SeqCst) < self.behaviour.breaks {
                        return Ok(End::Quit);
                    }
                    let taken = Taken { to: to.clone(), raw, was_encrypted: is_encrypted };
                    self.taken.lock().unwrap().push(taken);
                    lines.write("250 2.0.0 taken")?;
                }
                "QUIT" => {
                    lines.write("221 2.0.0 bye")?;
                    return Ok(End::Quit);
                }
                _ => lines.write("502 5.5.1 what?")?,
            }
        }
    }

    fn answer_to_receiver(&self, to: &str) -> String {
        let is_first = self.greylisted.lock().unwrap().insert(to.to_owned());
        match to.split('@').next().unwrap() {
            "bad" => format!("554 5.1.1 <{to}>: there is no such user"),
            "grey" if is_first => format!("450 4.2.1 <{to}>: come back later"),
            _ => "250 2.1.5 fine".to_owned(),
        }
    }
}

fn authenticate<S: Read + Write>(lines: &mut Lines<S>, command: &str) -> std::io::Result<bool> {
    let decoded = |text: &str| BASE64_STANDARD.decode(text).unwrap_or_default();
    let mut words = command.split(' ').skip(1);
    match (words.next(), words.next()) {
        (Some("PLAIN"), Some(response)) => {
            Ok(decoded(response) == format!("\0{USER}\0{PASSWORD}").into_bytes())
        }
        (Some("LOGIN"), None) => {
            lines.write(&format!("334 {}", BASE64_STANDARD.encode("Username:")))?;
            let user = decoded(&lines.read()?);
            lines.write(&format!("334 {}", BASE64_STANDARD.encode("Password:")))?;
            let password = decoded(&lines.read()?);
            Ok(user == USER.as_bytes() && password == PASSWORD.as_bytes())
        }
        _ => Ok(false),
    }
}

struct Lines<S>(BufReader<S>);

impl<S: Read + Write> Lines<S> {
    fn new(stream: S) -> Self {
        Self(BufReader::new(stream))
    }

    fn read(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// Reads to the line with a dot alone. Every line must end with CRLF.
    fn read_mail(&mut self) -> std::io::Result<String> {
        let mut mail = String::new();
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            assert!(line.ends_with("\r\n"), "a bare line feed: {line:?}");
            match line.strip_prefix('.') {
                Some("\r\n") => return Ok(mail),
                Some(rest) => mail.push_str(rest),
                None => mail.push_str(&line),
            }
        }
    }

    fn write(&mut self, line: &str) -> std::io::Result<()> {
        let stream = self.0.get_mut();
        stream.write_all(format!("{line}\r\n").as_bytes())?;
        stream.flush()
    }
}
