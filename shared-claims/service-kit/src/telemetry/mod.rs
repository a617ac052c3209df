//! Logs: one line an event, JSON or for people.

mod settings;

pub use settings::{LogFormat, LogSettings};
