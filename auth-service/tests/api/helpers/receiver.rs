//! A server that the service calls, which answers well, badly or not at all.

// Each suite uses some of it.
#![allow(dead_code)]

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What the server does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// Answers with this status.
    Status(u16),
    /// Answers 200 with this text.
    Text(String),
    /// Redirects to this address.
    Redirect(String),
    /// Reads the request and says nothing.
    Never,
    /// Answers one byte at a time.
    Slowly,
    /// Answers with a gigabyte.
    Endless,
    /// Answers with a head that has no end.
    EndlessHead,
    /// Answers with a head whose first line has no end.
    EndlessLine,
    /// Answers with something else than HTTP.
    Nonsense,
}

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) head: String,
    pub(crate) body: String,
}

/// The running server.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    answer: Mutex<Answer>,
    received: Mutex<Vec<Received>>,
    connections: AtomicUsize,
    open: AtomicUsize,
    most_open: AtomicUsize,
    sent: AtomicUsize,
}

impl Receiver {
    pub(crate) async fn start(answer: Answer) -> Self {
        Self::start_at("127.0.0.1:0", answer).await
    }

    pub(crate) async fn start_at(address: &str, answer: Answer) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            answer: Mutex::new(answer),
            received: Mutex::default(),
            connections: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            most_open: AtomicUsize::new(0),
            sent: AtomicUsize::new(0),
        });
        let task = tokio::spawn(accept(listener, Arc::clone(&state)));
        Self { address, state, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/backchannel", self.address)
    }

    pub(crate) fn answer(&self, answer: Answer) {
        *self.state.answer.lock().unwrap() = answer;
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.state.received.lock().unwrap().clone()
    }

    /// The logout tokens that it got.
    pub(crate) fn tokens(&self) -> Vec<String> {
        let token = |received: Received| received.body.strip_prefix("logout_token=").unwrap().to_owned();
        self.received().into_iter().map(token).collect()
    }

    pub(crate) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// The most connections that were open at a time.
    pub(crate) fn most_open(&self) -> usize {
        self.state.most_open.load(Ordering::SeqCst)
    }

    /// How many bytes of endless answers were taken.
    pub(crate) fn sent(&self) -> usize {
        self.state.sent.load(Ordering::SeqCst)
    }

    /// Waits until it got this many requests.
    pub(crate) async fn until_received(&self, count: usize) {
        let waiting = async {
            while self.received().len() < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let came = tokio::time::timeout(Duration::from_secs(20), waiting).await;
        assert!(came.is_ok(), "got {} of {count} requests", self.received().len());
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        state.connections.fetch_add(1, Ordering::SeqCst);
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let open = state.open.fetch_add(1, Ordering::SeqCst) + 1;
            state.most_open.fetch_max(open, Ordering::SeqCst);
            // An error only means that the other side left.
            let _ = serve(stream, &state).await;
            state.open.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

async fn serve(mut stream: TcpStream, state: &State) -> std::io::Result<()> {
    let received = read(&mut stream).await?;
    state.received.lock().unwrap().push(received);
    let answer = state.answer.lock().unwrap().clone();
    match answer {
        Answer::Status(status) => {
            let answer = format!("HTTP/1.1 {status} x\r\nContent-Length: 2\r\n\r\nok");
            stream.write_all(answer.as_bytes()).await?;
        }
        Answer::Text(text) => {
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len());
            stream.write_all(answer.as_bytes()).await?;
        }
        Answer::Redirect(to) => {
            let answer = format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await?;
        }
        Answer::Nonsense => stream.write_all(b"SSH-2.0-OpenSSH_9.6\r\n").await?,
        Answer::Slowly => {
            for byte in "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n".bytes().chain([b'x'; 1000]) {
                stream.write_all(&[byte]).await?;
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
        Answer::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n").await?;
            flood(&mut stream, state, &vec![b'x'; 100_000], 10_000).await?;
        }
        Answer::EndlessHead => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n").await?;
            flood(&mut stream, state, "X-Filler: xxxxxxxxxxxxxxxxxx\r\n".repeat(3_000).as_bytes(), 10_000)
                .await?;
        }
        Answer::EndlessLine => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nX-Filler: ").await?;
            flood(&mut stream, state, &vec![b'x'; 100_000], 10_000).await?;
        }
        Answer::Never => {}
    }
    // Until the other side leaves.
    let mut rest = [0; 64];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

async fn flood(stream: &mut TcpStream, state: &State, bytes: &[u8], times: usize) -> std::io::Result<()> {
    for _ in 0..times {
        stream.write_all(bytes).await?;
        state.sent.fetch_add(bytes.len(), Ordering::SeqCst);
    }
    Ok(())
}

async fn read(stream: &mut TcpStream) -> std::io::Result<Received> {
    let (mut bytes, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
            });
            if body.len() >= length.unwrap_or(0) {
                return Ok(Received { head: head.to_owned(), body: body.to_owned() });
            }
        }
        match stream.read(&mut chunk).await? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            count => bytes.extend_from_slice(&chunk[..count]),
        }
    }
}
