//! Injects faults by a seeded random schedule, up to two at a time.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use tokio::time::sleep;

use crate::deployment::Deployment;
use crate::fault::Fault;
use crate::promise::PathState;
use crate::table;
use crate::watch::{Channel, now};

/// The number of revoked tokens that verifiers still check.
const MAX_CHECKED_REVOKED: usize = 20;

pub(crate) async fn run() {
    let set = |name: &str| std::env::var(name).ok().map(|value| value.parse::<u64>().expect("a number"));
    let seed = set("LATCHKEY_FAULTS_SEED").unwrap_or_else(|| rand::rng().random());
    let seconds = set("LATCHKEY_FAULTS_SECONDS").unwrap_or(20);
    println!("at_random: LATCHKEY_FAULTS_SEED={seed} LATCHKEY_FAULTS_SECONDS={seconds}");
    let mut schedule = Schedule {
        deployment: Deployment::start(1, false).await,
        random: StdRng::seed_from_u64(seed),
        active_faults: Vec::new(),
    };
    let (end, mut faults) = (now() + seconds * 1_000, 0);
    while now() < end {
        schedule.step(&mut faults).await;
    }
    while !schedule.active_faults.is_empty() {
        schedule.repair(0).await;
    }
    schedule.deployment.wait_until_settled().await;
    let counts = schedule.deployment.check();
    println!("at_random: {faults} faults, {} tokens, {counts:?}", schedule.deployment.history.tokens.len());
}

struct Schedule {
    deployment: Deployment,
    random: StdRng,
    active_faults: Vec<Fault>,
}

impl Schedule {
    async fn step(&mut self, faults: &mut usize) {
        match self.random.random_range(0..10) {
            0..4 if self.issuer_responds() => self.revoke().await,
            4..6 if self.active_faults.len() < 2 => {
                *faults += usize::from(self.inject().await);
            }
            6..8 if !self.active_faults.is_empty() => {
                let which = self.random.random_range(0..self.active_faults.len());
                self.repair(which).await;
            }
            _ => {
                let wait = self.random.random_range(1..900);
                sleep(Duration::from_millis(wait)).await;
            }
        }
    }

    fn issuer_responds(&self) -> bool {
        self.active_faults.iter().all(|fault| fault.component() != "issuer")
    }

    async fn revoke(&mut self) {
        let number = self.random.random_range(1..3);
        if self.deployment.unrevoked() < number + 3 {
            self.deployment.issue(6).await;
        }
        self.deployment.revoke(number, 0).await;
        self.deployment.stop_checking_oldest(MAX_CHECKED_REVOKED);
    }

    async fn inject(&mut self) -> bool {
        let faults =
            table::rows().into_iter().map(|(_, fault)| fault).filter(|fault| self.can_inject(*fault));
        let Some(fault) = faults.collect::<Vec<_>>().choose(&mut self.random).copied() else { return false };
        if self.deployment.unrevoked() < 6 && self.issuer_responds() {
            self.deployment.issue(6).await;
        }
        self.active_faults.push(fault);
        self.update_path_states();
        fault.inject(&mut self.deployment).await;
        if !fault.lasts() {
            self.active_faults.pop();
            self.update_path_states();
        }
        true
    }

    fn can_inject(&self, fault: Fault) -> bool {
        let taken =
            self.active_faults.iter().any(|active_faults| active_faults.component() == fault.component());
        let lacks_responses = fault.needs_responses() && !self.active_faults.is_empty();
        fault.issuers() == 1 && !fault.is_excluded_from_random() && !taken && !lacks_responses
    }

    async fn repair(&mut self, which: usize) {
        let fault = self.active_faults[which];
        fault.repair(&mut self.deployment).await;
        self.active_faults.remove(which);
        self.update_path_states();
    }

    /// Sets the path over each channel to the worst state that an active fault causes.
    fn update_path_states(&mut self) {
        for channel in [Channel::Redis, Channel::Feed] {
            let worst = self.active_faults.iter().map(|fault| fault.path_state());
            let worst = worst
                .filter(|(_, channels)| channels.contains(&channel))
                .map(|(path_state, _)| path_state)
                .max();
            self.deployment.set_path_state(worst.unwrap_or(PathState::Good), &[channel]);
        }
    }
}
