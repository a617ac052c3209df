//! The database. The only module that knows Diesel.

mod migrations;
mod row;
mod schema;
pub mod todos;

pub use migrations::migrations;
