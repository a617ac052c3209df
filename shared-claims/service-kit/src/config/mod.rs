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

mod environment;
mod error;
mod file;
mod known;
mod load;
mod render;
mod secret;
mod validate;

pub use error::ConfigError;
pub use load::{LoadSpec, load};
pub use render::render;
pub use secret::{Secret, UrlWithSecret, trimmed};
pub use validate::{InvalidSetting, Validate, in_range};
