//! Prints the rows of the table: followers of the feed compared with the same number of readers of Redis.

use std::fmt::Write as _;

use crate::arrivals::Delays;
use crate::report::{percentile, row};
use crate::{logouts, lookup, readers};

const FOLLOWERS: [usize; 5] = [3, 100, 1_000, 4_000, 10_000];

/// Fewer than followers, because each mirror has two connections to Redis and the number of open files is limited.
const MIRRORS: [usize; 3] = [100, 1_000, 4_000];

/// The numbers of followers for which there is a target, and with which a logout is compared.
const MANY: usize = 1_000;
const MORE: usize = 4_000;
const FEW: usize = 3;

/// Measures followers of the feed and, alternating with them, plain readers of Redis.
pub(crate) async fn logouts(given: &[usize]) {
    let mut logout_with_few = None;
    for followers in counts(given, &FOLLOWERS) {
        let feed = logouts::of(followers).await;
        let bare = readers::of(followers, readers::Kind::Bare).await;
        let logout_us = percentile(&feed.logouts_us, 500);
        if followers == FEW {
            logout_with_few = Some(logout_us);
        }
        rows(&feed, &bare, logout_with_few);
    }
}

fn rows(feed: &logouts::Figures, bare: &readers::Figures, logout_with_few: Option<u64>) {
    let count = feed.followers;
    let of = |what: &str| format!("{} followers of the feed: {what}", thousands(count));
    let target = |held: bool, target: &'static str| if held { target } else { "-" };

    let ratio = median(&feed.delays) / median(&bare.delays).max(0.001);
    let figure = format!("{}; {ratio:.1} × Redis", times(&feed.delays));
    let slowest = "slowest of a logout, median and maximum; p99 of all";
    let wanted = match count {
        MANY => "≤ 3 × Redis",
        MORE => "p99 < 1 s",
        _ => "-",
    };
    row(&of(slowest), wanted, &figure);
    row(
        &format!("Redis alone, {} `XREAD` readers: the same of an entry", thousands(count)),
        "-",
        &times(&bare.delays),
    );
    row(&of("answers that were not 200"), "0", &feed.not_ok.to_string());

    let logouts = &feed.logouts_us;
    let (middle, p99) = (percentile(logouts, 500), percentile(logouts, 990));
    let mut figure = format!("{}, {}", ms(middle), ms(p99));
    if let Some(few) = logout_with_few.filter(|_| count != FEW) {
        write!(figure, "; {:.1} × with {FEW}", middle as f64 / few as f64).unwrap();
    }
    if feed.logouts_refused > 0 {
        write!(figure, "; {} refused", feed.logouts_refused).unwrap();
    }
    row(&of("a user's logout, median and p99"), target(count == MANY, "≤ 4 × with 3"), &figure);

    let figure = format!(
        "{:.1} ms, {:.1} ms; {:.0} % and {:.0} % of all was the bench",
        feed.processor_ms,
        bare.processor_ms,
        feed.bench_share * 100.0,
        bare.bench_share * 100.0
    );
    row(&of("processor time of a logout; of Redis for an entry"), "-", &figure);
    if count > FEW {
        let figure = format!("{:.1} KiB, {:.1} KiB", feed.waiting_kib, feed.afterwards_kib);
        let memory = "memory of the auth-service for each, waiting and after the logouts";
        row(&of(memory), target(count >= MANY, "≤ 40 KiB"), &figure);
    }
    let figure = format!(
        "{:.1} % of a core; {:.0} bytes/s, {:.0} bytes",
        feed.idle_share * 100.0,
        feed.idle_bytes,
        feed.bytes
    );
    row(&of("idle; bytes for each, idle and for a logout"), "-", &figure);
}

/// Measures Redis with mirrors, and with lookups.
pub(crate) async fn redis(given: &[usize]) {
    for mirrors in counts(given, &MIRRORS) {
        let figures = readers::of(mirrors, readers::Kind::Mirror).await;
        let of = |what: &str| format!("{} mirrors of Redis: {what}", thousands(figures.readers));
        row(&of("slowest of an entry, median and maximum; p99 of all"), "-", &times(&figures.delays));
        let figure = format!(
            "{:.1} ms; {:.0} % of all was the bench",
            figures.processor_ms,
            figures.bench_share * 100.0
        );
        row(&of("processor time of Redis for an entry"), "-", &figure);
        let figure = format!("{:.1} % of a core, {:.1} KiB", figures.idle_share * 100.0, figures.kib);
        row(&of("idle; memory of Redis for each (two connections)"), "-", &figure);
        let figure = format!("{:.0} bytes/s, {:.0} bytes", figures.idle_bytes, figures.bytes);
        row(&of("bytes for each, idle and for an entry"), "-", &figure);
    }
    let lookup = lookup::of().await;
    let figure = format!(
        "{:.1} µs, {} bytes; {:.0}/s over {} connections of {:.1} KiB",
        lookup.processor_us, lookup.bytes, lookup.a_second, lookup.connections, lookup.kib
    );
    row("a lookup: processor time of Redis, bytes of question and answer", "-", &figure);
}

fn counts(given: &[usize], usual: &[usize]) -> Vec<usize> {
    if given.is_empty() { usual.to_vec() } else { given.to_vec() }
}

/// The median of the slowest times, in milliseconds.
fn median(delays: &Delays) -> f64 {
    percentile(&delays.slowest, 500) as f64 / 1_000.0
}

fn times(delays: &Delays) -> String {
    let slowest = |permille| ms(percentile(&delays.slowest, permille));
    format!("{}, {}; {}", slowest(500), slowest(1_000), ms(percentile(&delays.all, 990)))
}

fn ms(micros: u64) -> String {
    let ms = micros as f64 / 1_000.0;
    if ms < 100.0 { format!("{ms:.1} ms") } else { format!("{ms:.0} ms") }
}

fn thousands(count: usize) -> String {
    if count < 1_000 { count.to_string() } else { format!("{},{:03}", count / 1_000, count % 1_000) }
}
