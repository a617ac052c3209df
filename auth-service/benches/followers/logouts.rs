//! Measures forty logouts, one after the other, while many followers wait.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::arrivals::Delays;
use crate::crowd::Crowd;
use crate::issuer::{Issuer, log_out};
use crate::process::processor_seconds;

pub(crate) const LOGOUTS: usize = 40;

/// A follower that has not learnt of a logout after this time counts as one that missed it.
const LIMIT: Duration = Duration::from_secs(20);

/// Longer than a request is held, so that every follower has repeated its request.
const SETTLING: Duration = Duration::from_secs(4);

/// Twice as long as a request is held.
const IDLE: Duration = Duration::from_secs(6);

pub(crate) struct Figures {
    pub(crate) followers: usize,
    pub(crate) delays: Delays,
    pub(crate) not_ok: u64,
    pub(crate) logouts_us: Vec<u64>,
    pub(crate) logouts_refused: u64,
    /// Processor time of the auth-service for a logout, including all responses to followers, in milliseconds.
    pub(crate) processor_ms: f64,
    /// The share of the bench itself in the processor time that was used meanwhile.
    pub(crate) bench_share: f64,
    /// Memory of the auth-service for each follower, in KiB: while all wait, and after the logouts.
    pub(crate) waiting_kib: f64,
    pub(crate) afterwards_kib: f64,
    /// The cost of followers while there are no new facts: the share of a core, and bytes for each follower in a second.
    pub(crate) idle_share: f64,
    pub(crate) idle_bytes: f64,
    /// Bytes for a follower and a logout.
    pub(crate) bytes: f64,
}

pub(crate) async fn of(followers: usize) -> Figures {
    let issuer = Issuer::start().await;
    issuer.register("ada").await;
    let mut tokens = Vec::new();
    for _ in 0..LOGOUTS {
        tokens.push(issuer.log_in("ada").await);
    }
    let before_kib = issuer.resident_kib();
    let crowd = Crowd::of(followers, issuer.address).await;
    let tally = &crowd.tally;
    sleep(SETTLING).await;
    let each = |kib: f64| (kib - before_kib) / followers as f64;
    let waiting_kib = each(issuer.resident_kib());

    let (used, bytes) = (issuer.processor_seconds(), tally.bytes.load(Ordering::Relaxed));
    let began = Instant::now();
    sleep(IDLE).await;
    let idle_s = began.elapsed().as_secs_f64();
    let idle_share = (issuer.processor_seconds() - used) / idle_s;
    let idle_bytes = (tally.bytes.load(Ordering::Relaxed) - bytes) as f64 / idle_s / followers as f64;

    let first = issuer.last_place().await + 1;
    // What the start of so many met is another matter.
    tally.not_ok.store(0, Ordering::Relaxed);
    let (used, own, bytes) =
        (issuer.processor_seconds(), processor_seconds("self"), tally.bytes.load(Ordering::Relaxed));
    let (mut delays, mut logouts_us, mut logouts_refused) = (Delays::default(), Vec::new(), 0);
    for (place, token) in (first..).zip(tokens) {
        let logout = log_out(issuer.address, token).await;
        logouts_us.push(logout.took.as_micros() as u64);
        logouts_refused += logout.refused;
        tally.arrivals.wait_for_all(place, LIMIT).await;
        delays.add(&tally.arrivals.micros_since(place, logout.answered));
    }
    let (used, own) = (issuer.processor_seconds() - used, processor_seconds("self") - own);
    let bytes = (tally.bytes.load(Ordering::Relaxed) - bytes) as f64 / (LOGOUTS * followers) as f64;
    let not_ok = tally.not_ok.load(Ordering::Relaxed);
    sleep(SETTLING).await;
    logouts_us.sort_unstable();
    Figures {
        followers,
        delays: delays.sorted(),
        not_ok,
        logouts_us,
        logouts_refused,
        processor_ms: used * 1_000.0 / LOGOUTS as f64,
        bench_share: own / (own + used).max(0.01),
        waiting_kib,
        afterwards_kib: each(issuer.resident_kib()),
        idle_share,
        idle_bytes,
        bytes,
    }
}
