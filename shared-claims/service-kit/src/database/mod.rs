//! One code path over PostgreSQL and SQLite, chosen by the URL's scheme.
//!
//! Work is a closure on a [`DbConnection`]: it runs on threads of the database's own, behind a queue with a bound in
//! length and in time, and carries the caller's tracing span. A closure that has begun runs to its end, whatever
//! becomes of the request that asked for it, unless the database owes it an answer for too long.

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
