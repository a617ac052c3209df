//! Measures what a million unexpired revocations cost a todo-service: memory, and the time to start.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use shared_claims::clock::{Clock as _, SystemClock};
use shared_claims::testing::{RedisProcess, eventually};

use crate::process::{Environment, ms_since};
use crate::report::row;

const TIME_LIMIT: Duration = Duration::from_secs(120);

pub(crate) async fn measure() {
    let empty = Environment::new(None);
    let auth = empty.auth_service();
    auth.ready().await;
    row_of(&empty, "nothing revoked", "feed").await;
    drop(auth);

    let full = Environment::new(None);
    fill(&full).await;
    let auth = full.auth_service();
    auth.ready().await;
    row_of(&full, "a million revocations", "feed").await;
    drop(auth);

    let redis = RedisProcess::start().await;
    let full = Environment::new(Some(redis.url()));
    fill(&full).await;
    let auth = full.auth_service();
    let began = Instant::now();
    wait_until_projected(&redis).await;
    row(
        "a million revocations written to an empty Redis",
        "-",
        &format!("{:.1} s", ms_since(began) / 1_000.0),
    );
    row_of(&full, "a million revocations", "Redis").await;
    drop(auth);
}

/// Starts a todo-service and waits until it has read the whole list.
async fn row_of(environment: &Environment, list: &str, through: &str) {
    let began = Instant::now();
    let todo = environment.todo_service();
    todo.ready().await;
    let took = ms_since(began) / 1_000.0;
    row(&format!("todo-service, {list}: start to ready, through {through}"), "-", &format!("{took:.2} s"));
    let resident = todo.resident_mib();
    row(&format!("todo-service, {list}: resident, through {through}"), "-", &format!("{resident:.0} MiB"));
}

/// Creates the database of an auth-service, with a million unexpired facts in its revocation log.
async fn fill(environment: &Environment) {
    let auth = environment.auth_service();
    // Wait until it is ready: the empty list was then written to Redis.
    auth.ready().await;
    drop(auth);
    let now = SystemClock.now_seconds();
    let mut database =
        SqliteConnection::establish(&environment.path("auth.db").display().to_string()).unwrap();
    let uuid = "lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-7' || substr(hex(randomblob(2)), 2) \
                || '-8' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))";
    let fill = format!(
        "BEGIN;
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000)
        INSERT INTO revocations (seq, kind, subject_id, at_ms, exp_s, created_at_ms)
        SELECT i, 'jti', {uuid}, NULL, {end}, {now}000 FROM n;
        UPDATE revocation_log SET last_seq = 1000000;
        COMMIT;",
        end = now + 86_400,
    );
    database.batch_execute(&fill).unwrap();
}

/// Waits until Redis contains the whole list.
async fn wait_until_projected(redis: &RedisProcess) {
    let connection = redis.connection().await;
    eventually("the list is in Redis", TIME_LIMIT, async || {
        let mut connection = connection.clone();
        let length = redis::cmd("XLEN").arg("{revoked}:events").query_async::<u64>(&mut connection).await;
        length.is_ok_and(|length| length == 1_000_000)
    })
    .await;
}
