//! The only place that knows Diesel: the schema, and one file of queries for each table.
//!
//! Queries are free functions on a connection. Their errors are those of the kit, so that no other module sees Diesel's types. Those that change the state of tokens or sessions (issue, consume,
//! end) are called inside `Database::write`, after [`users::lock`].

pub mod audit;
pub mod authorization_codes;
pub mod browser_sessions;
pub mod client_secrets;
pub mod clients;
pub mod consents;
pub mod former_keys;
pub mod guess_accounts;
mod listed;
mod lock;
pub mod login_locks;
pub mod login_networks;
pub mod mailed_links;
pub mod meta;
pub mod queue;
pub mod refresh_tokens;
pub mod restored;
pub mod revocations;
pub mod schema;
pub mod secrets;
pub mod session_list;
pub mod sessions;
pub mod signing_keys;
pub mod throttle_counters;
mod unit_of_work;
pub mod users;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use diesel::result::{DatabaseErrorKind, Error as QueryError};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use service_kit::database::{DatabaseError, Migrations};

pub use self::listed::{Listed, Unreadable};
pub use self::unit_of_work::{
    Announce, AuditPolicy, Committed, Dispatch, KnownFact, Transaction, UnitOfWork,
};

const POSTGRES: EmbeddedMigrations = embed_migrations!("../migrations/auth/postgres");
const SQLITE: EmbeddedMigrations = embed_migrations!("../migrations/auth/sqlite");

/// The migrations of this service, for PostgreSQL and SQLite.
pub fn migrations() -> Migrations {
    Migrations { postgres: POSTGRES, sqlite: SQLITE }
}

/// The error for a row that this version of the service cannot read.
fn unreadable(what: impl Into<String>) -> QueryError {
    QueryError::DeserializationError(what.into().into())
}

/// Whether `error` is the violation of a unique index.
pub fn is_unique_violation(error: &DatabaseError) -> bool {
    matches!(error, DatabaseError::Query(QueryError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)))
}

/// An error with which a use case rolls its transaction back, because the rows are not as its locks should guarantee.
pub fn unexpected_rows() -> DatabaseError {
    DatabaseError::Query(QueryError::RollbackTransaction)
}

/// A set of words as a column holds it, separated by spaces.
fn joined(words: &BTreeSet<String>) -> String {
    words.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
}

fn words(text: &str) -> BTreeSet<String> {
    text.split_ascii_whitespace().map(str::to_owned).collect()
}

fn parse_uuid(column: &'static str, text: &str) -> Result<uuid::Uuid, QueryError> {
    text.parse().map_err(|_| unreadable(format!("{column} is no UUID")))
}
