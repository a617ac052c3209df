//! Measures Redis without our services: as many readers of a stream as there are followers, all woken by one `XADD`.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use shared_claims::testing::RedisProcess;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout_at};

use crate::arrivals::{Arrivals, Delays};
use crate::logouts::LOGOUTS;
use crate::process::{processor_seconds, resident_kib};
use crate::resp::{Link, command};

const STREAM: &str = "{revoked}:events";
const LIMIT: Duration = Duration::from_secs(20);
const SETTLING: Duration = Duration::from_secs(3);
const IDLE: Duration = Duration::from_secs(6);

/// How a mirror of `shared-claims` follows the list: how long its reader blocks, and how often it polls.
const BLOCK_MS: &str = "2000";
const POLL: Duration = Duration::from_millis(500);

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One connection with one blocking read, which is the minimum for waking a reader.
    Bare,
    /// The reads of a mirror of `shared-claims`: a blocking read, and on another connection a transaction that reads new facts
    /// when the reader is woken, and twice a second.
    Mirror,
}

pub(crate) struct Figures {
    pub(crate) readers: usize,
    pub(crate) delays: Delays,
    /// Processor time of redis-server for an entry, in milliseconds.
    pub(crate) processor_ms: f64,
    pub(crate) bench_share: f64,
    /// Memory of redis-server for each reader, in KiB.
    pub(crate) kib: f64,
    /// Processor time of redis-server while there are no new entries, as a share of one core.
    pub(crate) idle_share: f64,
    /// Bytes for each reader: in a second without new entries, and for an entry. Without the overhead of TCP and IP.
    pub(crate) idle_bytes: f64,
    pub(crate) bytes: f64,
}

/// The address of Redis, and the count of bytes that are sent and received.
struct Links {
    address: String,
    bytes: Arc<AtomicU64>,
}

impl Links {
    async fn open(&self) -> Link {
        Link::open(&self.address, &self.bytes).await
    }
}

pub(crate) async fn of(readers: usize, kind: Kind) -> Figures {
    let redis = RedisProcess::start_with(&["--maxclients", "100000"]).await;
    let process = process_of(&redis).await;
    add(redis.address(), 1).await;
    let before_kib = resident_kib(&process);
    let (arrivals, bytes) = (Arc::new(Arrivals::at(readers)), Arc::new(AtomicU64::new(0)));
    let started = Arc::new(Barrier::new(readers + 1));
    let mut tasks = JoinSet::new();
    for _ in 0..readers {
        let links = Links { address: redis.address(), bytes: Arc::clone(&bytes) };
        let (arrivals, started) = (Arc::clone(&arrivals), Arc::clone(&started));
        match kind {
            Kind::Bare => tasks.spawn(bare(links, arrivals, started)),
            Kind::Mirror => tasks.spawn(mirror(links, arrivals, started)),
        };
    }
    started.wait().await;
    sleep(SETTLING).await;
    let kib = (resident_kib(&process) - before_kib) / readers as f64;
    let (used, sent, began) = (processor_seconds(&process), bytes.load(Ordering::Relaxed), Instant::now());
    sleep(IDLE).await;
    let idle_s = began.elapsed().as_secs_f64();
    let idle_share = (processor_seconds(&process) - used) / idle_s;
    let idle_bytes = (bytes.load(Ordering::Relaxed) - sent) as f64 / idle_s / readers as f64;

    let (used, own, sent) =
        (processor_seconds(&process), processor_seconds("self"), bytes.load(Ordering::Relaxed));
    let mut delays = Delays::default();
    for place in (2..).take(LOGOUTS) {
        let added = add(redis.address(), place).await;
        arrivals.wait_for_all(place, LIMIT).await;
        delays.add(&arrivals.micros_since(place, added));
    }
    let (used, own) = (processor_seconds(&process) - used, processor_seconds("self") - own);
    Figures {
        readers: arrivals.size(),
        delays: delays.sorted(),
        processor_ms: used * 1_000.0 / LOGOUTS as f64,
        bench_share: own / (own + used).max(0.01),
        kib,
        idle_share,
        idle_bytes,
        bytes: (bytes.load(Ordering::Relaxed) - sent) as f64 / (LOGOUTS * readers) as f64,
    }
}

/// The process id of this Redis.
pub(crate) async fn process_of(redis: &RedisProcess) -> String {
    let info: String =
        redis::cmd("INFO").arg("server").query_async(&mut redis.connection().await).await.unwrap();
    info.lines().find_map(|line| line.strip_prefix("process_id:")).unwrap().trim().to_owned()
}

/// Appends a fact, on a separate thread. Returns when it was sent.
async fn add(address: String, place: i64) -> Instant {
    let adding = tokio::task::spawn_blocking(move || {
        let id = format!("0192f3a4-b5c6-7d8e-9f01-{place:012}");
        let entry = ["kind", "sid", "id", &id, "exp", "1799999999"];
        let head = ["XADD", STREAM, &format!("{place}-0")];
        let mut stream = TcpStream::connect(address).unwrap();
        let sent = Instant::now();
        stream.write_all(&command(&[&head[..], &entry[..]].concat())).unwrap();
        let read = stream.read(&mut [0; 64]).unwrap();
        assert!(read > 0);
        sent
    });
    adding.await.unwrap()
}

async fn bare(links: Links, arrivals: Arc<Arrivals>, started: Arc<Barrier>) {
    let mut link = links.open().await;
    started.wait().await;
    for place in 1.. {
        let read = ["XREAD", "COUNT", "1", "BLOCK", "0", "STREAMS", STREAM, &format!("{place}-0")];
        link.ask(&command(&read), 1).await;
        arrivals.learnt(place, place + 1);
    }
}

async fn mirror(links: Links, arrivals: Arc<Arrivals>, started: Arc<Barrier>) {
    let (mut poller, mut waker) = (links.open().await, links.open().await);
    started.wait().await;
    // Not all in the same moment.
    sleep(POLL.mul_f64(rand::random())).await;
    let (mut place, mut is_blocking) = (1, false);
    loop {
        let answer = poller.ask(&page(place), 6).await;
        let reached = place + count(&answer, b"$3\r\nsid\r\n");
        arrivals.learnt(place, reached);
        place = reached;
        let next_poll = tokio::time::Instant::now() + POLL;
        loop {
            if !is_blocking {
                let at = format!("{place}-0");
                let read = ["XREAD", "COUNT", "1", "BLOCK", BLOCK_MS, "STREAMS", STREAM, &at];
                waker.send(&command(&read)).await;
                is_blocking = true;
            }
            match timeout_at(next_poll, waker.replies(1)).await {
                Err(_) => break,
                Ok(answer) => {
                    is_blocking = false;
                    if !answer.unwrap().starts_with(b"*-1") {
                        break;
                    }
                }
            }
        }
    }
}

/// The transaction in which a mirror reads the facts after this sequence number.
fn page(place: i64) -> Vec<u8> {
    let behind = format!("({place}-0");
    let commands: [&[&str]; 6] = [
        &["MULTI"],
        &["XRANGE", STREAM, &behind, "+", "COUNT", "1000"],
        &["GET", "{revoked}:epoch"],
        &["GET", "{revoked}:as_of"],
        &["TIME"],
        &["EXEC"],
    ];
    commands.iter().flat_map(|words| command(words)).collect()
}

fn count(bytes: &[u8], wanted: &[u8]) -> i64 {
    bytes.windows(wanted.len()).filter(|window| *window == wanted).count() as i64
}
