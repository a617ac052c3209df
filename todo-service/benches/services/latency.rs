//! Measures for how long a token is accepted after its revocation was acknowledged. After the response to a logout,
//! three verifiers are polled until each of them refuses the token.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use shared_claims::testing::RedisProcess;

use crate::process::{Environment, Service, log_in, register};
use crate::report::{percentile, row};

const LOGOUTS: usize = 1_000;
const VERIFIERS: usize = 3;

/// The pause between two requests to one verifier. Polling without a pause would take processor time from the processes
/// that deliver the revocation.
const PAUSE: Duration = Duration::from_millis(1);

pub(crate) async fn measure() {
    let redis = RedisProcess::start().await;
    row_of("Redis", "p99 < 20 ms", &Environment::new(Some(redis.url()))).await;
    row_of("the feed", "p99 < 100 ms", &Environment::new(None)).await;
}

async fn row_of(through: &str, target: &str, environment: &Environment) {
    let auth = environment.auth_service();
    auth.ready().await;
    register(&auth).await;
    let verifiers: Vec<Service> = (0..VERIFIERS).map(|_| environment.todo_service()).collect();
    join_all(verifiers.iter().map(Service::ready)).await;
    let mut micros = Vec::new();
    for _ in 0..LOGOUTS {
        let token = log_in(&auth).await;
        for verifier in &verifiers {
            assert_eq!(verifier.get("/whoami", &token).await, 200);
        }
        assert!(auth.post("/auth/logout", &token).await.is_success());
        let answered = Instant::now();
        let refused = join_all(verifiers.iter().map(|verifier| refused(verifier, &token, answered))).await;
        micros.push(refused.into_iter().max().unwrap());
    }
    micros.sort_unstable();
    let ms = |permille| percentile(&micros, permille) as f64 / 1_000.0;
    let figure = format!("{:.1} ms, {:.1} ms, {:.1} ms", ms(500), ms(990), ms(1_000));
    let what =
        format!("acknowledged logout → refused by {VERIFIERS} verifiers, through {through}: p50, p99, max");
    row(&format!("{what} of {LOGOUTS}"), target, &figure);
}

/// The time of the verifier's first 401, in microseconds since the response to the logout.
async fn refused(verifier: &Service, token: &str, answered: Instant) -> u64 {
    loop {
        match verifier.get("/whoami", token).await {
            401 => return u64::try_from(answered.elapsed().as_micros()).unwrap(),
            200 => tokio::time::sleep(PAUSE).await,
            other => panic!("{other}"),
        }
    }
}
