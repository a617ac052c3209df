//! For tests: clients that hold connections and memory of a running service, and a measurement of what that costs.
//!
//! Three kinds of clients attack at once, each with many connections: some do not read their responses, some send
//! slowly, and some send large bodies. Meanwhile normal requests must be answered, and afterwards memory and sockets
//! must be freed.

#![expect(clippy::panic, clippy::expect_used, reason = "only tests call this")]

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use tokio::time::Instant;

/// The number of connections of each kind.
const CONNECTIONS_OF_EACH_KIND: usize = 100;
/// The most memory that a connection of any kind may use beside its response: its buffers, one body.
const MAX_KIB_PER_CONNECTION: usize = 192;
/// The memory that the service works with, however many clients there are: its threads for the database, of which each
/// holds the rows of one response and the response that it makes of them.
const MAX_WORKING_KIB: usize = 8 * 2 * 1024;
/// The memory that may remain after the attack: what the allocator keeps, and what the service had not allocated
/// before.
const MAX_REMAINING_KIB: usize = 64 * 1024;
/// The time limit of a normal request. It is long because tests share their machine. A service without limits on its
/// clients would never respond.
const NORMAL_TIME_LIMIT: Duration = Duration::from_secs(10);

/// A service that runs in its own process.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The address of its listener.
    pub address: SocketAddr,
    /// Its process id.
    pub pid: u32,
    /// The head of a request (without the last empty line) whose response is large.
    pub large: &'a str,
    /// How much of its memory that response takes until the client has read it, in KiB. A client that does not read keeps
    /// one response in memory, however many it requests. 0 for a response that all clients share.
    pub large_kib: usize,
    /// The head of a normal request, which is answered with 200.
    pub normal: &'a str,
    /// A path that accepts a JSON body.
    pub body_path: &'a str,
    /// For how long the service may keep a connection whose client sends nothing.
    pub release_limit: Duration,
}

impl Target<'_> {
    /// Attacks the service in all three ways at once.
    ///
    /// # Panics
    /// If memory or sockets exceed their bounds or are not freed, or if a normal request is not answered.
    pub fn assert_survives_attack(&self) {
        for _ in 0..20 {
            self.send_normal_request();
        }
        let (memory, sockets) = (self.resident_kib(), self.sockets());
        let mut held = Vec::new();
        let mut peak = memory;
        for round in 0..CONNECTIONS_OF_EACH_KIND {
            held.push(self.connect_without_reading());
            held.push(self.send_slowly(round));
            held.push(self.send_large_body(round));
            if round % 10 == 0 {
                self.send_normal_request();
                peak = peak.max(self.resident_kib());
            }
        }
        let held_by_clients = CONNECTIONS_OF_EACH_KIND * (self.large_kib + 3 * MAX_KIB_PER_CONNECTION);
        let bound = memory + MAX_WORKING_KIB + held_by_clients;
        let end = Instant::now() + self.release_limit;
        // The attackers keep their ends of the connections open meanwhile.
        while self.sockets() > sockets + 4 {
            self.send_normal_request();
            peak = peak.max(self.resident_kib());
            assert!(peak < bound, "{peak} KiB, from {memory}: more than {bound}");
            assert!(Instant::now() < end, "{} sockets are still open, of {sockets} before", self.sockets());
            std::thread::park_timeout(Duration::from_millis(100));
        }
        let left = self.resident_kib();
        assert!(
            left < memory + MAX_REMAINING_KIB,
            "{left} KiB are kept, of {memory} before and {peak} at most"
        );
        drop(held);
        self.send_normal_request();
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect_timeout(&self.address, NORMAL_TIME_LIMIT)
            .expect("the service accepts a connection");
        stream.set_write_timeout(Some(Duration::from_millis(300))).expect("a time-out");
        stream.set_read_timeout(Some(NORMAL_TIME_LIMIT)).expect("a time-out");
        stream
    }

    fn connect_without_reading(&self) -> TcpStream {
        let mut stream = self.connect();
        let _ = stream.write_all(format!("{}\r\n", self.large).repeat(8).as_bytes());
        stream
    }

    /// Sends the start of a first request, of a second request, or of a body, and then stops.
    fn send_slowly(&self, round: usize) -> TcpStream {
        let mut stream = self.connect();
        let begun = match round % 3 {
            0 => "GET / HTTP/1.1\r\nHost: h\r\nX: ".to_owned(),
            1 => format!("{}\r\nGET / HT", self.normal),
            _ => format!("{}Content-Length: 60000\r\n\r\n{{\"title\": \"", self.post("application/json")),
        };
        let _ = stream.write_all(begun.as_bytes());
        stream
    }

    /// Sends nearly two megabytes: with a `Content-Length`, with an unsupported content type, or in chunks.
    fn send_large_body(&self, round: usize) -> TcpStream {
        const BODY_BYTES: usize = 2 * 1024 * 1024;
        let mut stream = self.connect();
        let (head, body) = match round % 3 {
            0 => (
                format!("{}Content-Length: {BODY_BYTES}\r\n\r\n", self.post("application/json")),
                BODY_BYTES - 200,
            ),
            1 => {
                (format!("{}Content-Length: {BODY_BYTES}\r\n\r\n", self.post("text/plain")), BODY_BYTES - 200)
            }
            _ => (
                format!(
                    "{}Transfer-Encoding: chunked\r\n\r\n{BODY_BYTES:x}\r\n",
                    self.post("application/json")
                ),
                BODY_BYTES - 200,
            ),
        };
        let begun = "{\"username\": \"a\", \"password\": \"";
        // An error means that the service refused the body before all of it was sent, which is intended.
        let _ = stream.write_all(format!("{head}{begun}{}", "x".repeat(body - begun.len())).as_bytes());
        stream
    }

    fn post(&self, content_type: &str) -> String {
        format!("POST {} HTTP/1.1\r\nHost: h\r\nContent-Type: {content_type}\r\n", self.body_path)
    }

    fn send_normal_request(&self) {
        let mut stream = self.connect();
        let request = format!("{}Connection: close\r\n\r\n", self.normal);
        stream.write_all(request.as_bytes()).expect("a normal request can be sent");
        let mut response = Vec::new();
        if let Err(error) = stream.read_to_end(&mut response) {
            panic!("a normal request is not answered: {error}");
        }
        let head = String::from_utf8_lossy(response.get(..15).unwrap_or(&response)).into_owned();
        assert!(head.starts_with("HTTP/1.1 200"), "a normal request is answered with {head:?}");
        let _ = stream.shutdown(Shutdown::Both);
    }

    fn resident_kib(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).expect("the process runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS is shown");
        line.trim().trim_end_matches("kB").trim().parse().expect("a number")
    }

    /// The number of the process's open sockets. Files are not counted, because a pool may open more connections to a
    /// database file under load.
    fn sockets(&self) -> usize {
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.pid)).expect("the process runs");
        let targets = open.flatten().filter_map(|entry| std::fs::read_link(entry.path()).ok());
        targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count()
    }
}
