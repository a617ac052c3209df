//! One code path for PostgreSQL and SQLite. The URL's scheme selects the database.
//!
//! Work is a closure on a [`DbConnection`]. It runs on the database's own threads, behind a queue with a limit on
//! length and waiting time, and within the caller's tracing span. A closure that has started runs to its end even if
//! its request is cancelled, unless the database does not respond for too long.

mod connection;
mod connections;
mod crew;
mod error;
mod flight;
mod lane;
mod manager;
mod migrate;
mod pool;
mod pooled;
mod pulse;
mod queue;
mod schema;
mod settings;
#[cfg(feature = "testing")]
pub mod testing;
mod transaction;
mod url;
mod vitals;

pub use connection::{Backend, DbConnection};
pub use error::DatabaseError;
pub use migrate::Migrations;
pub use pool::{Database, PoolStatus};
pub use settings::{DatabaseSettings, Pooler};
