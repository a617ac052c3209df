//! Measures how large the tables are after a month, on both databases: `scripts/bench tables`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    reason = "a bench"
)]

#[path = "../tests/api/month/life.rs"]
mod life;
#[path = "../tests/api/month/sizes.rs"]
mod sizes;

use auth_service::config::Settings;
use auth_service::pruning::Table;
use auth_service::random::Random;
use auth_service::startup::{prune_rules, session_limits};
use diesel::connection::SimpleConnection as _;
use service_kit::database::testing::TestDatabase;
use service_kit::database::{Backend, Database, DatabaseError, DbConnection};
use shared_claims::clock::ManualClock;

use self::life::{Month, Scale, WrittenRows};
use self::sizes::{bytes, rows};

const DAYS: usize = 30;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for place in TestDatabase::both() {
            measure(&place).await;
        }
    });
}

/// Simulates a thousand users, each of whom logs in every day and refreshes every quarter of an hour for eight hours.
async fn measure(place: &TestDatabase) {
    let settings = Settings::default();
    let scale = Scale {
        users: 1000,
        refreshes_a_day: 32,
        one_abandoned_of: 3,
        refused_logins: 100,
        codes: 200,
        revoked_tokens: 20,
        session_max_age_ms: settings.sessions.max_age_seconds * 1000,
        page_sign_ins: 300,
        browser_sessions: session_limits(&settings.sessions).browser,
    };
    let database = Database::connect(&place.settings()).await.unwrap();
    let (clock, rules) = (ManualClock::at(1_700_000_000_000), prune_rules(&settings));
    let mut month = Month::begin(database.clone(), clock, Random::system(), rules, scale).await;
    for _ in 0..DAYS {
        month.day().await;
        vacuum(&database).await;
    }
    let name = match database.backend() {
        Backend::Postgres => "PostgreSQL",
        Backend::Sqlite => "SQLite",
    };
    // The month has no rotation of secrets and no message.
    let is_filled = |table: &Table| !matches!(table, Table::ClientSecrets | Table::QueueMessages);
    let filled = Table::ALL.into_iter().filter(is_filled);
    let pruned = filled.map(|table| (table.as_str(), of(table, month.written)));
    // A user has at most one consent for each client, so nothing prunes them.
    for (table, all) in pruned.chain([("consents", month.written.consents)]) {
        let (left, size) = (rows(&database, table).await, bytes(&database, table).await);
        println!("| {name}, `{table}` | bounded | {all} rows written, {left} left, {} KiB |", size / 1024);
    }
}

fn of(table: Table, written: WrittenRows) -> usize {
    match table {
        Table::RefreshTokens => written.refresh_tokens,
        Table::Sessions => written.sessions,
        Table::AuthorizationCodes => written.codes,
        Table::BrowserSessions => written.browser_sessions,
        // The month has no mail, no failed login, and no addresses.
        Table::ClientSecrets
        | Table::QueueMessages
        | Table::MailedLinks
        | Table::LoginLocks
        | Table::LoginNetworks
        | Table::ThrottleCounters => 0,
        Table::Revocations => written.revocations,
        Table::AuditEvents => written.audit_events,
    }
}

/// Vacuums the tables. Autovacuum would run too rarely, because it follows the real clock and not the simulated one.
async fn vacuum(database: &Database) {
    // VACUUM must not run inside a transaction, and `read` does not open one.
    let vacuumed = database.read(|conn| {
        if let DbConnection::Postgres(conn) = conn {
            conn.batch_execute("VACUUM")?;
        }
        Ok::<_, DatabaseError>(())
    });
    vacuumed.await.unwrap();
}
