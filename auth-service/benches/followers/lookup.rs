//! Measures the cost of a lookup in Redis: one `MGET` of seven keys, and `TIME`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use shared_claims::testing::RedisProcess;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::process::{processor_seconds, resident_kib};
use crate::readers::process_of;
use crate::resp::{Link, command};

const CONNECTIONS: usize = 64;
const SECONDS: u64 = 4;

pub(crate) struct Figures {
    pub(crate) connections: usize,
    /// Processor time of redis-server for a lookup, in microseconds.
    pub(crate) processor_us: f64,
    pub(crate) a_second: f64,
    /// Bytes of a request and its response, without the overhead of TCP and IP.
    pub(crate) bytes: usize,
    /// Memory of redis-server for a connection, in KiB.
    pub(crate) kib: f64,
}

pub(crate) async fn of() -> Figures {
    let redis = RedisProcess::start().await;
    let process = process_of(&redis).await;
    let counted = Arc::default();
    let mut writer = Link::open(&redis.address(), &counted).await;
    for (key, value) in [("{revoked}:epoch", "run:id"), ("{revoked}:as_of", "1799999999000")] {
        writer.ask(&command(&["SET", key, value]), 1).await;
    }
    let question = question();
    let bytes = question.len() + writer.ask(&question, 2).await.len();
    let before_kib = resident_kib(&process);
    let mut links = Vec::new();
    for _ in 0..CONNECTIONS {
        links.push(Link::open(&redis.address(), &counted).await);
    }
    let done = Arc::new(AtomicU64::new(0));
    let mut tasks = JoinSet::new();
    let used = processor_seconds(&process);
    for mut link in links {
        let (question, done) = (question.clone(), Arc::clone(&done));
        tasks.spawn(async move {
            loop {
                link.ask(&question, 2).await;
                done.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    sleep(Duration::from_secs(SECONDS)).await;
    let (done, used) = (done.load(Ordering::Relaxed) as f64, processor_seconds(&process) - used);
    let kib = (resident_kib(&process) - before_kib) / CONNECTIONS as f64;
    Figures {
        connections: CONNECTIONS,
        processor_us: used * 1e6 / done,
        a_second: done / SECONDS as f64,
        bytes,
        kib,
    }
}

fn question() -> Vec<u8> {
    let id = "0192f3a4-b5c6-7d8e-9f01-23456789abcd";
    let facts = ["jti", "sid", "sub", "client", "key"].map(|kind| format!("{{revoked}}:{kind}:{id}"));
    let mut words = vec!["MGET", "{revoked}:epoch", "{revoked}:as_of"];
    words.extend(facts.iter().map(String::as_str));
    [command(&words), command(&["TIME"])].concat()
}
