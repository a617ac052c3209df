//! Checks tokens with verifiers all the time, and records the answers.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use shared_claims::clock::{Clock, SystemClock};
use shared_claims::verifier::{Verifier, VerifyError};
use tokio::task::JoinSet;

/// The pause between two rounds of checks with one verifier.
const PAUSE: Duration = Duration::from_millis(20);

/// The gap between two pulses, in milliseconds, from which on the machine counts as stalled: the delay is then not
/// the code's fault.
const STALL_MS: u64 = 300;

/// The channel by which a verifier gets the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    Redis,
    Feed,
}

/// A verifier's answer about a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Accepted,
    Revoked,
    Unavailable,
    /// The token was refused as invalid, which no token in these tests is.
    Invalid,
}

/// One check and its answer, in milliseconds since boot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) verifier: usize,
    pub(crate) token: usize,
    pub(crate) asked: u64,
    pub(crate) answered: u64,
    pub(crate) say: Decision,
}

/// A verifier under test.
#[derive(Clone)]
pub(crate) struct WatchedVerifier {
    pub(crate) name: String,
    pub(crate) channel: Channel,
    pub(crate) since: u64,
    verifier: Verifier,
}

#[derive(Default)]
struct Shared {
    tokens: Mutex<Vec<(usize, Arc<str>)>>,
    answers: Mutex<Vec<Answer>>,
    stalls: Mutex<Vec<(u64, u64)>>,
}

/// Runs the checks until it is dropped.
#[derive(Default)]
pub(crate) struct Watch {
    shared: Arc<Shared>,
    pub(crate) verifiers: Vec<WatchedVerifier>,
    tasks: JoinSet<()>,
}

pub(crate) fn now() -> u64 {
    SystemClock.boot_ms()
}

impl Watch {
    pub(crate) fn start() -> Self {
        let mut watch = Self::default();
        watch.tasks.spawn(detect_stalls(Arc::clone(&watch.shared)));
        watch
    }

    pub(crate) fn add(&mut self, name: String, channel: Channel, verifier: Verifier) {
        let watched = WatchedVerifier { name, channel, since: now(), verifier };
        self.tasks.spawn(check_repeatedly(self.verifiers.len(), watched.clone(), Arc::clone(&self.shared)));
        self.verifiers.push(watched);
    }

    /// Adds a token to the checks.
    pub(crate) fn add_token(&self, number: usize, token: &str) {
        self.shared.tokens.lock().unwrap().push((number, token.into()));
    }

    /// Removes a token from the checks.
    pub(crate) fn remove_token(&self, number: usize) {
        self.shared.tokens.lock().unwrap().retain(|(known, _)| *known != number);
    }

    /// All answers so far.
    pub(crate) fn answers(&self) -> Vec<Answer> {
        self.shared.answers.lock().unwrap().clone()
    }

    /// The intervals in which the machine was stalled.
    pub(crate) fn stalls(&self) -> Vec<(u64, u64)> {
        self.shared.stalls.lock().unwrap().clone()
    }

    /// Whether each verifier now gives the expected answer for each token.
    pub(crate) async fn all_decide(&self, expected: impl Fn(usize) -> Option<Decision>) -> bool {
        let tokens = self.shared.tokens.lock().unwrap().clone();
        for watched in &self.verifiers {
            for (number, token) in &tokens {
                let say = decide(&watched.verifier, token).await;
                if expected(*number).is_some_and(|expected| say != expected) {
                    return false;
                }
            }
        }
        true
    }
}

async fn check_repeatedly(verifier: usize, watched: WatchedVerifier, shared: Arc<Shared>) {
    loop {
        let tokens = shared.tokens.lock().unwrap().clone();
        let checks = tokens.iter().map(async |(token, text)| {
            let asked = now();
            let say = decide(&watched.verifier, text).await;
            Answer { verifier, token: *token, asked, answered: now(), say }
        });
        let answers = join_all(checks).await;
        shared.answers.lock().unwrap().extend(answers);
        tokio::time::sleep(PAUSE).await;
    }
}

async fn decide(verifier: &Verifier, token: &str) -> Decision {
    match verifier.verify(token).await {
        Ok(_) => Decision::Accepted,
        Err(VerifyError::Revoked(_)) => Decision::Revoked,
        Err(VerifyError::Unavailable(_)) => Decision::Unavailable,
        Err(_) => Decision::Invalid,
    }
}

async fn detect_stalls(shared: Arc<Shared>) {
    let mut last = now();
    loop {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let this = now();
        if this - last > STALL_MS {
            shared.stalls.lock().unwrap().push((last, this));
        }
        last = this;
    }
}
