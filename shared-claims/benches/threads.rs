//! Measures token checks on one thread and on two, and while a million facts are added to the mirror.
//! Run with `cargo bench -p shared-claims --bench threads`.
#![allow(
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    reason = "a stop-watch"
)]

mod support;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use shared_claims::clock::{Clock as _, SystemClock};
use shared_claims::revocation::{Mirror, MirrorSettings};
use shared_claims::verifier::Verifier;
use support::report::{median, percentile, row};

const TOKENS: usize = 2_048;
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(1);

fn main() {
    // `cargo test --all-targets` runs this program without `--bench`; it must not measure then.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let tokens = support::tokens(TOKENS);
    scale(&tokens);
    load(&tokens);
}

/// Measures checks per second on one thread and on two, in turns.
fn scale(tokens: &[String]) {
    let mirror = support::mirror(support::facts());
    let runtime = support::runtime();
    for (name, remembered) in [("uncached", 0), ("cached", 2 * TOKENS)] {
        let verifier = runtime.block_on(support::verifier(&mirror, remembered));
        rate(&verifier, tokens, 1);
        let (mut one, mut two) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            one.push(rate(&verifier, tokens, 1));
            two.push(rate(&verifier, tokens, 2));
        }
        let (one, two) = (median(&mut one), median(&mut two));
        let figure = format!("{one:.0}/s, {two:.0}/s: {:.2}×", two / one);
        row(&format!("checks on one thread and on two, {name}"), "-", &figure);
    }
}

fn rate(verifier: &Verifier, tokens: &[String], threads: usize) -> f64 {
    let (done, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let began = Instant::now();
    thread::scope(|scope| {
        for number in 0..threads {
            let (done, stop) = (&done, &stop);
            scope.spawn(move || {
                let mut next = tokens.iter().cycle().skip(number * TOKENS / threads);
                let mut own = 0;
                while !stop.load(Ordering::Relaxed) {
                    verifier.verify_now(next.next().unwrap()).unwrap().unwrap();
                    own += 1;
                }
                done.fetch_add(own, Ordering::Relaxed);
            });
        }
        thread::sleep(ROUND);
        stop.store(true, Ordering::Relaxed);
    });
    done.into_inner() as f64 / began.elapsed().as_secs_f64()
}

/// Measures how long cached checks take while another thread adds a million facts to the verifier's mirror.
fn load(tokens: &[String]) {
    let settings = MirrorSettings::default().max_staleness(Duration::from_secs(86_400));
    let (mirror, writer) = Mirror::by_hand(settings);
    writer.complete_as_of(SystemClock.boot_ms());
    let verifier = support::runtime().block_on(support::verifier(&mirror, 2 * TOKENS));
    let facts: Vec<_> = support::facts().collect();
    let stop = AtomicBool::new(false);
    let quiet = thread::scope(|scope| {
        let reader = scope.spawn(|| times(&verifier, tokens, &stop));
        thread::sleep(ROUND);
        stop.store(true, Ordering::Relaxed);
        reader.join().unwrap()
    });
    stop.store(false, Ordering::Relaxed);
    let (loading, took) = thread::scope(|scope| {
        let reader = scope.spawn(|| times(&verifier, tokens, &stop));
        let began = Instant::now();
        for fact in &facts {
            writer.add(fact).unwrap();
        }
        let took = began.elapsed();
        stop.store(true, Ordering::Relaxed);
        (reader.join().unwrap(), took)
    });
    row("cached checks, nothing coming in: p50, p99, p99.9", "-", &quiet);
    row("cached checks while a million facts come in: p50, p99, p99.9", "-", &loading);
    row("a million facts added to a mirror that is read meanwhile", "-", &format!("{} ms", took.as_millis()));
}

fn times(verifier: &Verifier, tokens: &[String], stop: &AtomicBool) -> String {
    let mut next = tokens.iter().cycle();
    let mut times = Vec::with_capacity(4_000_000);
    while !stop.load(Ordering::Relaxed) {
        let token = next.next().unwrap();
        let began = Instant::now();
        verifier.verify_now(token).unwrap().unwrap();
        times.push(u64::try_from(began.elapsed().as_nanos()).unwrap());
    }
    // The first round over the tokens filled the cache and is not counted.
    let mut times = times.split_off(TOKENS);
    times.sort_unstable();
    let micros = |permille| percentile(&times, permille) as f64 / 1_000.0;
    format!("{:.2} µs, {:.2} µs, {:.2} µs", micros(500), micros(990), micros(999))
}
