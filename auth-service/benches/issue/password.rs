//! Measures the check of a new password against all rules but that of a service for leaked ones.

use std::time::{Duration, Instant};

use auth_service::domain::PasswordRules;
use auth_service::passwords::{HashSettings, PasswordOwner, PasswordPolicy, Passwords};
use auth_service::random::Random;
use tokio::runtime::Runtime;

use crate::report::{median, row};

const ROUNDS: usize = 9;
const CHECKS: usize = 100_000;

pub(crate) fn measure(runtime: &Runtime) {
    let settings =
        HashSettings { bcrypt_cost: 4, workers: 1, queue_limit: 1, max_wait: Duration::from_secs(60) };
    let hashing = Passwords::new(&[5; 32], settings, Random::system());
    let policy = PasswordPolicy::new(hashing, PasswordRules { min_length: 8, max_length: 256 }, None);
    let owner = PasswordOwner { username: "Augusta Ada King", email: Some("ada@example.org") };
    for (what, ending) in [("that is accepted", " horse battery staple"), ("that is on the list", "")] {
        // Most numbers of eight digits that are dates are on the list.
        let texts: Vec<String> = (0..CHECKS)
            .map(|n| format!("{:02}{:02}{}{ending}", 1 + n % 28, 1 + n % 12, 1970 + n % 40))
            .collect();
        let mut each: Vec<f64> = (0..ROUNDS).map(|_| run(runtime, &policy, owner, &texts)).collect();
        let figure = format!("{:.2} µs", median(&mut each));
        row(&format!("the check of a new password {what}"), "< 5 µs", &figure);
    }
}

/// The microseconds of one check.
fn run(runtime: &Runtime, policy: &PasswordPolicy, owner: PasswordOwner<'_>, texts: &[String]) -> f64 {
    let began = Instant::now();
    runtime.block_on(async {
        for text in texts {
            std::hint::black_box(policy.check(text, owner).await.unwrap().is_ok());
        }
    });
    began.elapsed().as_secs_f64() * 1e6 / texts.len() as f64
}
