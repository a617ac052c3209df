//! For tests: clients that hold on to what they get from a running service, and what that costs it.
//!
//! Three kinds at once, each with many connections: those that do not read what they asked for, those that send slowly, and
//! those that send large bodies. Meanwhile honest requests must be answered, and afterwards everything must be given back.

#![expect(clippy::panic, clippy::expect_used, reason = "only tests call this")]

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use tokio::time::Instant;

/// Connections of each kind.
const EACH: usize = 100;
/// The memory that a connection may cost, of whatever kind: buffers of its own, one piece of an answer, one body.
const A_CONNECTION_KIB: usize = 192;
/// What the allocator may keep after the attack, and what the service had not yet needed before it.
const KEPT_KIB: usize = 80 * 1024;
/// For one honest request. Long, since tests share their machine; without bounds it would never be answered.
const HONEST: Duration = Duration::from_secs(10);

/// A service that runs as a process of its own.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its process.
    pub pid: u32,
    /// The head of a request (without its last empty line) whose answer is large.
    pub large: &'a str,
    /// The head of an honest request, which is answered 200.
    pub honest: &'a str,
    /// A path that takes a JSON body.
    pub takes_body: &'a str,
    /// How long the service may hold a connection of which nothing is heard.
    pub patience: Duration,
}

impl Target<'_> {
    /// Attacks the service in all three ways at once.
    ///
    /// # Panics
    /// If memory or descriptors exceed their bounds or are not given back, or an honest request is not answered.
    pub fn withstands(&self) {
        for _ in 0..20 {
            self.honest();
        }
        let (memory, sockets) = (self.resident_kib(), self.sockets());
        let mut held = Vec::new();
        let mut peak = memory;
        for round in 0..EACH {
            held.push(self.reads_nothing());
            held.push(self.sends_slowly(round));
            held.push(self.sends_much(round));
            if round % 10 == 0 {
                self.honest();
                peak = peak.max(self.resident_kib());
            }
        }
        let bound = memory + 3 * EACH * A_CONNECTION_KIB + KEPT_KIB;
        let end = Instant::now() + self.patience;
        // The attackers hold their ends open all the while.
        while self.sockets() > sockets + 4 {
            self.honest();
            peak = peak.max(self.resident_kib());
            assert!(peak < bound, "{peak} KiB, from {memory}: more than {bound}");
            assert!(Instant::now() < end, "{} sockets are still open, of {sockets} before", self.sockets());
            std::thread::park_timeout(Duration::from_millis(100));
        }
        let left = self.resident_kib();
        assert!(left < memory + KEPT_KIB, "{left} KiB are kept, of {memory} before and {peak} at most");
        drop(held);
        self.honest();
    }

    fn connect(&self) -> TcpStream {
        let stream =
            TcpStream::connect_timeout(&self.address, HONEST).expect("the service takes a connection");
        stream.set_write_timeout(Some(Duration::from_millis(300))).expect("a time-out");
        stream.set_read_timeout(Some(HONEST)).expect("a time-out");
        stream
    }

    fn reads_nothing(&self) -> TcpStream {
        let mut stream = self.connect();
        let _ = stream.write_all(format!("{}\r\n", self.large).repeat(8).as_bytes());
        stream
    }

    /// A head, a second head, or a body that is begun and does not go on.
    fn sends_slowly(&self, round: usize) -> TcpStream {
        let mut stream = self.connect();
        let begun = match round % 3 {
            0 => "GET / HTTP/1.1\r\nHost: h\r\nX: ".to_owned(),
            1 => format!("{}\r\nGET / HT", self.honest),
            _ => format!("{}Content-Length: 60000\r\n\r\n{{\"title\": \"", self.post("application/json")),
        };
        let _ = stream.write_all(begun.as_bytes());
        stream
    }

    /// Two megabytes but for the end: announced, of a kind that is not taken, or in chunks.
    fn sends_much(&self, round: usize) -> TcpStream {
        const MUCH: usize = 2 * 1024 * 1024;
        let mut stream = self.connect();
        let (head, body) = match round % 3 {
            0 => (format!("{}Content-Length: {MUCH}\r\n\r\n", self.post("application/json")), MUCH - 200),
            1 => (format!("{}Content-Length: {MUCH}\r\n\r\n", self.post("text/plain")), MUCH - 200),
            _ => (
                format!("{}Transfer-Encoding: chunked\r\n\r\n{MUCH:x}\r\n", self.post("application/json")),
                MUCH - 200,
            ),
        };
        let begun = "{\"username\": \"a\", \"password\": \"";
        // It may be refused before it is sent, which is what we want.
        let _ = stream.write_all(format!("{head}{begun}{}", "x".repeat(body - begun.len())).as_bytes());
        stream
    }

    fn post(&self, kind: &str) -> String {
        format!("POST {} HTTP/1.1\r\nHost: h\r\nContent-Type: {kind}\r\n", self.takes_body)
    }

    fn honest(&self) {
        let mut stream = self.connect();
        let request = format!("{}Connection: close\r\n\r\n", self.honest);
        stream.write_all(request.as_bytes()).expect("an honest request is taken");
        let mut answer = Vec::new();
        if let Err(error) = stream.read_to_end(&mut answer) {
            panic!("an honest request is not answered: {error}");
        }
        let head = String::from_utf8_lossy(answer.get(..15).unwrap_or(&answer)).into_owned();
        assert!(head.starts_with("HTTP/1.1 200"), "an honest request is answered {head:?}");
        let _ = stream.shutdown(Shutdown::Both);
    }

    fn resident_kib(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).expect("the process runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux tells");
        line.trim().trim_end_matches("kB").trim().parse().expect("a number")
    }

    /// Its sockets. Not its files: a pool opens more connections to a database file while there is more to do.
    fn sockets(&self) -> usize {
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.pid)).expect("the process runs");
        let targets = open.flatten().filter_map(|entry| std::fs::read_link(entry.path()).ok());
        targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count()
    }
}
