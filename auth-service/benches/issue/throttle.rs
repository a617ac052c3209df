//! Measures what counting attempts costs a login: the time that it adds to one, with the counters in PostgreSQL and in SQLite,
//! and the logins per second with the usual cost of a hash, with and without it.

use std::time::{Duration, Instant};

use reqwest::Client;
use service_kit::database::Backend;
use service_kit::database::testing::TestDatabase;
use tokio::runtime::Runtime;

use crate::report::{median, row};
use crate::service::{PASSWORD, Service};

/// The logins of a round, one after the other, and the rounds with each service in turns.
const LOGINS: usize = 200;
const ROUNDS: usize = 9;
/// How long logins with the usual cost are counted in a round, over this many connections.
const PART: Duration = Duration::from_secs(5);
const CONNECTIONS: usize = 8;

pub(crate) fn measure(runtime: &Runtime) {
    for backend in [Backend::Postgres, Backend::Sqlite] {
        let databases = [TestDatabase::create(backend), TestDatabase::create(backend)];
        let [with, without] = start(runtime, &databases, "4");
        let (mut counted, mut uncounted) = (Vec::new(), Vec::new());
        runtime.block_on(async {
            for _ in 0..ROUNDS {
                counted.push(one_after_the_other(&with).await);
                uncounted.push(one_after_the_other(&without).await);
            }
        });
        let added = median(&mut counted) - median(&mut uncounted);
        row(
            &format!("time that the throttle adds to a login, {backend:?}"),
            "≤ 1 ms",
            &format!("{added:.2} ms"),
        );
    }
    let databases = [TestDatabase::create(Backend::Postgres), TestDatabase::create(Backend::Postgres)];
    let [with, without] = start(runtime, &databases, "10");
    let (mut counted, mut uncounted) = (Vec::new(), Vec::new());
    let hash_ms = runtime.block_on(async {
        for _ in 0..3 {
            counted.push(at_once(&with).await);
            uncounted.push(at_once(&without).await);
        }
        without.metric("latchkey_password_hash_seconds").await * 1000.0
    });
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let limit = cores as f64 * 1000.0 / hash_ms;
    let (counted, uncounted) = (median(&mut counted), median(&mut uncounted));
    let share = |logins: f64| format!("{logins:.1} of {limit:.1}/s: {:.0} %", 100.0 * logins / limit);
    row("logins, of cores ÷ the time of a hash (cost 10), without the throttle", "≥ 90 %", &share(uncounted));
    row("the same with it", "≥ 90 %", &share(counted));
}

/// A service that counts attempts, with limits that nobody meets, and one that does not.
fn start(runtime: &Runtime, [with, without]: &[TestDatabase; 2], cost: &'static str) -> [Service; 2] {
    [(with, "true"), (without, "false")].map(|(database, is_counted)| {
        let settings = [
            ("AUTH__PASSWORDS__BCRYPT_COST", cost),
            ("AUTH__THROTTLE__ENABLED", is_counted),
            ("AUTH__THROTTLE__LOGINS_PER_ADDRESS_PER_MINUTE", "1000000"),
        ];
        let service = runtime.block_on(Service::start_with(Some(database.url().to_owned()), &settings));
        runtime.block_on(async {
            service.register("ada").await;
            service.log_in("ada").await;
        });
        service
    })
}

/// The milliseconds of one login.
async fn one_after_the_other(service: &Service) -> f64 {
    let (client, began) = (Client::new(), Instant::now());
    for _ in 0..LOGINS {
        log_in(&client, service).await;
    }
    began.elapsed().as_secs_f64() * 1000.0 / LOGINS as f64
}

/// The logins per second.
async fn at_once(service: &Service) -> f64 {
    let began = Instant::now();
    let callers = (0..CONNECTIONS).map(|_| async {
        let (client, mut logins) = (Client::new(), 0_usize);
        while began.elapsed() < PART {
            log_in(&client, service).await;
            logins += 1;
        }
        logins
    });
    let logins: usize = futures_util::future::join_all(callers).await.into_iter().sum();
    logins as f64 / began.elapsed().as_secs_f64()
}

async fn log_in(client: &Client, service: &Service) {
    let form = [("username", "ada"), ("password", PASSWORD)];
    let response = client.post(format!("{}/auth/token", service.url)).form(&form).send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.bytes().await.unwrap();
}
