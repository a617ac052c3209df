//! Settings in layers: built-in defaults, a file, the environment. An error in them stops the start with a one-line
//! message.
//!
//! ```no_run
//! # #[derive(Default, serde::Serialize, serde::Deserialize)] struct Settings {}
//! # impl service_kit::config::Validate for Settings {}
//! use service_kit::config::{self, LoadSpec};
//! let settings: Settings = config::load(LoadSpec::from_process("AUTH", None)?)?;
//! # Ok::<(), service_kit::config::ConfigError>(())
//! ```

mod error;
mod known;
mod load;
mod secret;
mod secret_file;
mod sources;
mod url_password;

pub use error::{ConfigError, InvalidSetting, Validate, in_range};
pub use load::{LoadSpec, load, render};
pub use secret::{Secret, UrlWithSecret, trimmed};
