//! Verifiers, asked all the time, and the record of what they said.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use shared_claims::clock::{Clock, SystemClock};
use shared_claims::verifier::{Verifier, VerifyError};
use tokio::task::JoinSet;

/// Between two rounds of questions to one verifier.
const PACE: Duration = Duration::from_millis(20);

/// A gap between two pulses that is no longer the code's fault: the machine did not let it run.
const STALL_MS: u64 = 300;

/// What carries the list to a verifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    Redis,
    Feed,
}

/// What a verifier says of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Say {
    Accepted,
    Refused,
    CannotKnow,
    /// Refused as bad in itself, which no token here is.
    Bad,
}

/// One question and its answer, in milliseconds since boot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) verifier: usize,
    pub(crate) token: usize,
    pub(crate) asked: u64,
    pub(crate) answered: u64,
    pub(crate) say: Say,
}

/// One that is asked.
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

/// Asks until it is dropped.
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

    /// Asks about that token too from now on.
    pub(crate) fn ask_about(&self, number: usize, token: &str) {
        self.shared.tokens.lock().unwrap().push((number, token.into()));
    }

    /// Asks about it no more.
    pub(crate) fn leave_out(&self, number: usize) {
        self.shared.tokens.lock().unwrap().retain(|(known, _)| *known != number);
    }

    /// All answers so far.
    pub(crate) fn answers(&self) -> Vec<Answer> {
        self.shared.answers.lock().unwrap().clone()
    }

    /// When the machine did not let us run.
    pub(crate) fn stalls(&self) -> Vec<(u64, u64)> {
        self.shared.stalls.lock().unwrap().clone()
    }

    /// Whether each verifier says so now of each token that is asked about.
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
