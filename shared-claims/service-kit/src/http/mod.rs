//! HTTP manners: what every answer of both services has in common.

mod network;
mod settings;

pub use network::Network;
pub use settings::{CookieSettings, HttpSettings};
