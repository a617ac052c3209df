//! Checks tokens with verifiers all the time, and records the answers.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use shared_claims::clock::{Clock, SystemClock};
use shared_claims::verifier::{Verifier, VerifyError};
use tokio::task::JoinSet;

/// The pause between two rounds of checks with one verifier.
const PACE: Duration = Duration::from_millis(20);

/// The gap between two pulses, in milliseconds, from which on the machine counts as stalled: the delay is then not
/// the code's fault.
const STALL_MS: u64 = 300;

/// The channel by which a verifier gets the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    Redis,
    Feed,
}

/// A verifier's answer about a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Say {
    Accepted,
    Refused,
    CannotKnow,
    /// The token was refused as invalid, which no token in these tests is.
    Bad,
}

/// One check and its answer, in milliseconds since boot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) verifier: usize,
    pub(crate) token: usize,
    pub(crate) asked: u64,
    pub(crate) answered: u64,
    pub(crate) say: Say,
}

/// A verifier under test.
#[derive(Clone)]
pub(crate) struct Watched {
    pub(crate) name: String,
    pub(crate) carrier: Carrier,
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
    pub(crate) verifiers: Vec<Watched>,
    tasks: JoinSet<()>,
}

pub(crate) fn now() -> u64 {
    SystemClock.boot_ms()
}

impl Watch {
    pub(crate) fn start() -> Self {
        let mut watch = Self::default();
        watch.tasks.spawn(pulse(Arc::clone(&watch.shared)));
        watch
    }

    pub(crate) fn add(&mut self, name: String, carrier: Carrier, verifier: Verifier) {
        let watched = Watched { name, carrier, since: now(), verifier };
        self.tasks.spawn(ask(self.verifiers.len(), watched.clone(), Arc::clone(&self.shared)));
        self.verifiers.push(watched);
    }

    /// Adds a token to the checks.
    pub(crate) fn ask_about(&self, number: usize, token: &str) {
        self.shared.tokens.lock().unwrap().push((number, token.into()));
    }

    /// Removes a token from the checks.
    pub(crate) fn leave_out(&self, number: usize) {
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
    pub(crate) async fn all_say(&self, expected: impl Fn(usize) -> Option<Say>) -> bool {
        let tokens = self.shared.tokens.lock().unwrap().clone();
        for watched in &self.verifiers {
            for (number, token) in &tokens {
                let say = said(&watched.verifier, token).await;
                if expected(*number).is_some_and(|expected| say != expected) {
                    return false;
                }
            }
        }
        true
    }
}

async fn ask(verifier: usize, watched: Watched, shared: Arc<Shared>) {
    loop {
        let tokens = shared.tokens.lock().unwrap().clone();
        let questions = tokens.iter().map(async |(token, text)| {
            let asked = now();
            let say = said(&watched.verifier, text).await;
            Answer { verifier, token: *token, asked, answered: now(), say }
        });
        let answers = join_all(questions).await;
        shared.answers.lock().unwrap().extend(answers);
        tokio::time::sleep(PACE).await;
    }
}

async fn said(verifier: &Verifier, token: &str) -> Say {
    match verifier.verify(token).await {
        Ok(_) => Say::Accepted,
        Err(VerifyError::Revoked(_)) => Say::Refused,
        Err(VerifyError::Unavailable(_)) => Say::CannotKnow,
        Err(_) => Say::Bad,
    }
}

async fn pulse(shared: Arc<Shared>) {
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
