//! Injects faults by a seeded random schedule, up to two at a time.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use tokio::time::sleep;

use crate::fault::Fault;
use crate::judge::Way;
use crate::site::Site;
use crate::table;
use crate::watch::{Carrier, now};

/// The number of revoked tokens that verifiers still check.
const REMEMBERED: usize = 20;

pub(crate) async fn run() {
    let set = |name: &str| std::env::var(name).ok().map(|value| value.parse::<u64>().expect("a number"));
    let seed = set("LATCHKEY_FAULTS_SEED").unwrap_or_else(|| rand::rng().random());
    let seconds = set("LATCHKEY_FAULTS_SECONDS").unwrap_or(20);
    println!("at_random: LATCHKEY_FAULTS_SEED={seed} LATCHKEY_FAULTS_SECONDS={seconds}");
    let mut schedule = Schedule {
        site: Site::start(1, false).await,
        random: StdRng::seed_from_u64(seed),
        standing: Vec::new(),
    };
    let (end, mut faults) = (now() + seconds * 1_000, 0);
    while now() < end {
        schedule.step(&mut faults).await;
    }
    while !schedule.standing.is_empty() {
        schedule.mend(0).await;
    }
    schedule.site.settled().await;
    let counted = schedule.site.judge();
    println!("at_random: {faults} faults, {} tokens, {counted:?}", schedule.site.history.tokens.len());
}

struct Schedule {
    site: Site,
    random: StdRng,
    standing: Vec<Fault>,
}

impl Schedule {
    async fn step(&mut self, faults: &mut usize) {
        match self.random.random_range(0..10) {
            0..4 if self.issuer_is_there() => self.revoke().await,
            4..6 if self.standing.len() < 2 => {
                *faults += usize::from(self.inject().await);
            }
            6..8 if !self.standing.is_empty() => {
                let which = self.random.random_range(0..self.standing.len());
                self.mend(which).await;
            }
            _ => {
                let wait = self.random.random_range(1..900);
                sleep(Duration::from_millis(wait)).await;
            }
        }
    }

    fn issuer_is_there(&self) -> bool {
        self.standing.iter().all(|fault| fault.place() != "issuer")
    }

    async fn revoke(&mut self) {
        let number = self.random.random_range(1..3);
        if self.site.good() < number + 3 {
            self.site.issue(6).await;
        }
        self.site.revoke(number, 0).await;
        self.site.retire(REMEMBERED);
    }

    async fn inject(&mut self) -> bool {
        let faults = table::rows().into_iter().map(|(_, fault)| fault).filter(|fault| self.may_come(*fault));
        let Some(fault) = faults.collect::<Vec<_>>().choose(&mut self.random).copied() else { return false };
        if self.site.good() < 6 && self.issuer_is_there() {
            self.site.issue(6).await;
        }
        self.standing.push(fault);
        self.turn();
        fault.inject(&mut self.site).await;
        if !fault.lasts() {
            self.standing.pop();
            self.turn();
        }
        true
    }

    fn may_come(&self, fault: Fault) -> bool {
        let taken = self.standing.iter().any(|standing| standing.place() == fault.place());
        let needs_all = fault.speaks() && !self.standing.is_empty();
        fault.issuers() == 1 && !fault.is_for_rows_alone() && !taken && !needs_all
    }

    async fn mend(&mut self, which: usize) {
        let fault = self.standing[which];
        fault.mend(&mut self.site).await;
        self.standing.remove(which);
        self.turn();
    }

    /// Sets the path over each carrier to the worst state that an active fault causes.
    fn turn(&mut self) {
        for carrier in [Carrier::Redis, Carrier::Feed] {
            let worst = self.standing.iter().map(|fault| fault.ways());
            let worst = worst.filter(|(_, carriers)| carriers.contains(&carrier)).map(|(way, _)| way).max();
            self.site.turn(worst.unwrap_or(Way::Well), &[carrier]);
        }
    }
}
