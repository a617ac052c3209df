//! Measures the reconnection of 1,000 mirrors after the auth-service was killed and started again.

use std::time::{Duration, Instant};

use shared_claims::revocation::{FeedSettings, Mirror, MirrorSettings};
use shared_claims::testing::eventually;

use crate::issuer::Issuer;
use crate::report::row;

const MIRRORS: usize = 1_000;
const WAIT_LIMIT: Duration = Duration::from_secs(120);

pub(crate) async fn measure() {
    let mut issuer = Issuer::start().await;
    let feed = FeedSettings::new(&issuer.url("/revocations")).unwrap();
    // The mirrors share one HTTP client, which opens a connection for each request that is held.
    let mirrors: Vec<Mirror> =
        (0..MIRRORS).map(|_| Mirror::follow_feed(feed.clone(), MirrorSettings::default())).collect();
    eventually("all mirrors are complete", WAIT_LIMIT, async || mirrors.iter().all(is_held)).await;
    // By then the requests of most mirrors are held.
    tokio::time::sleep(Duration::from_secs(2)).await;

    issuer.killed_and_started();
    let started = Instant::now();
    issuer.ready().await;
    let ready = Instant::now();
    let since_start = |mirror: &Mirror| {
        let age = mirror.status().age_ms.map(Duration::from_millis);
        age.is_some_and(|age| age < started.elapsed())
    };
    let mut half = None;
    while !mirrors.iter().all(since_start) {
        let current = mirrors.iter().filter(|mirror| since_start(mirror)).count();
        if current >= MIRRORS / 2 {
            half.get_or_insert_with(|| ready.elapsed());
        }
        assert!(ready.elapsed() < WAIT_LIMIT, "{current} of {MIRRORS} are current");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let all = ready.elapsed();
    let half = half.unwrap_or(all);
    row(
        "1,000 mirrors of the feed, the auth-service killed and started: from its being ready until half, and all, are current",
        "all ≤ 3 s",
        &format!("{:.2} s, {:.2} s", half.as_secs_f64(), all.as_secs_f64()),
    );
    row(
        "the same: requests that the new process answered with 503",
        "0",
        &refused(&issuer).await.to_string(),
    );
}

fn is_held(mirror: &Mirror) -> bool {
    let status = mirror.status();
    status.current && status.connected
}

/// The number of requests to the feed that the process answered with a status of 500 or more.
async fn refused(issuer: &Issuer) -> u64 {
    let metrics = issuer.get("/metrics").await;
    let lines = metrics.lines().filter(|line| {
        line.starts_with("latchkey_http_requests_total{")
            && line.contains("route=\"/revocations\"")
            && line.contains("status=\"5xx\"")
    });
    lines.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap() as u64).sum()
}
