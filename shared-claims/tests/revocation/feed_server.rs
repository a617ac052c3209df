//! An issuer's feed whose responses a test decides.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use shared_claims::clock::{Clock as _, SystemClock};
use shared_claims::revocation::RevocationFact;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Behaviour {
    Well,
    /// Responds at once and ignores `wait`.
    Hasty,
    Hang,
    /// Responds with this status and an empty object.
    Status(&'static str),
    /// Responds with 200 and this body.
    Body(String),
    /// Sends fewer bytes than its `content-length` says.
    Cut,
    /// Never marks a page as the last one.
    Incomplete,
}

pub(crate) struct Feed {
    pub(crate) epoch: String,
    pub(crate) facts: Vec<RevocationFact>,
    pub(crate) page: usize,
    pub(crate) behaviour: Behaviour,
    /// Request lines and headers, as received.
    pub(crate) requests: Vec<String>,
    /// When the requests arrived, milliseconds since boot.
    pub(crate) arrivals: Vec<u64>,
    /// The number of open connections.
    pub(crate) connections: usize,
}

pub(crate) struct FeedServer {
    address: String,
    feed: Arc<Mutex<Feed>>,
    news: Arc<Notify>,
    task: AbortHandle,
}

impl FeedServer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let feed = Feed {
            epoch: "database-1".to_owned(),
            facts: Vec::new(),
            page: 10_000,
            behaviour: Behaviour::Well,
            requests: Vec::new(),
            arrivals: Vec::new(),
            connections: 0,
        };
        let (feed, news) = (Arc::new(Mutex::new(feed)), Arc::new(Notify::new()));
        let task = tokio::spawn(serve(listener, Arc::clone(&feed), Arc::clone(&news))).abort_handle();
        Self { address, feed, news, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/revocations", self.address)
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Feed)) {
        change(&mut self.feed.lock().unwrap());
        self.news.notify_waiters();
    }

    /// When the requests arrived, milliseconds since boot.
    pub(crate) fn arrivals(&self) -> Vec<u64> {
        self.feed.lock().unwrap().arrivals.clone()
    }

    /// The number of open connections.
    pub(crate) fn connections(&self) -> usize {
        self.feed.lock().unwrap().connections
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.feed.lock().unwrap().requests.clone()
    }
}

impl Drop for FeedServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, feed: Arc<Mutex<Feed>>, news: Arc<Notify>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (feed, news) = (Arc::clone(&feed), Arc::clone(&news));
        tokio::spawn(async move {
            feed.lock().unwrap().connections += 1;
            converse(stream, Arc::clone(&feed), news).await;
            feed.lock().unwrap().connections -= 1;
        });
    }
}

async fn converse(mut stream: TcpStream, feed: Arc<Mutex<Feed>>, news: Arc<Notify>) {
    while let Some(head) = head(&mut stream).await {
        {
            let mut feed = feed.lock().unwrap();
            feed.requests.push(head.clone());
            feed.arrivals.push(SystemClock.boot_ms());
        }
        let query =
            head.lines().next().unwrap().split(' ').nth(1).unwrap().split_once('?').map_or("", |(_, q)| q);
        let parameter = |name: &str| {
            let pair = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
            pair.map(str::to_owned)
        };
        let wait = parameter("wait").map_or(0, |wait| wait.parse().unwrap());
        let mut told = std::pin::pin!(news.notified());
        told.as_mut().enable();
        let (mut status, mut body, mut entries) = answer(&feed, parameter("after").as_deref());
        let behaviour = feed.lock().unwrap().behaviour.clone();
        if status.starts_with("200") && entries == 0 && behaviour == Behaviour::Well && wait > 0 {
            let _ = tokio::time::timeout(Duration::from_secs(wait), told).await;
            (status, body, entries) = answer(&feed, parameter("after").as_deref());
        }
        let behaviour = feed.lock().unwrap().behaviour.clone();
        let length = match behaviour {
            Behaviour::Hang => return std::future::pending().await,
            Behaviour::Cut => body.len() + 1_000,
            _ => body.len(),
        };
        let _ = entries;
        let location = "location: /elsewhere\r\n";
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{location}\r\n");
        if stream.write_all((head + &body).as_bytes()).await.is_err() || behaviour == Behaviour::Cut {
            return;
        }
    }
}

/// The status, the body, and the number of entries in it.
fn answer(feed: &Mutex<Feed>, after: Option<&str>) -> (String, String, usize) {
    let feed = feed.lock().unwrap();
    let whole = match &feed.behaviour {
        Behaviour::Status(status) => return ((*status).to_owned(), "{}".to_owned(), 0),
        Behaviour::Body(body) => return ("200 OK".to_owned(), body.clone(), 0),
        behaviour => *behaviour != Behaviour::Incomplete,
    };
    let from = match after.map(|after| after.rsplit_once('.').expect("a cursor of ours")) {
        None => 0,
        Some((epoch, _)) if epoch != feed.epoch => return ("410 Gone".to_owned(), "{}".to_owned(), 0),
        Some((_, position)) => position.parse().unwrap(),
    };
    let entries: Vec<&RevocationFact> = feed.facts.iter().skip(from).take(feed.page).collect();
    let to = from + entries.len();
    let body = serde_json::json!({
        "epoch": feed.epoch,
        "cursor": format!("{}.{to}", feed.epoch),
        "complete": whole && to == feed.facts.len(),
        "entries": entries,
    });
    ("200 OK".to_owned(), body.to_string(), entries.len())
}

async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).await.ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}
