//! The settings under `log.`.

use serde::{Deserialize, Serialize};
use tracing_subscriber::filter::Targets;

use crate::config::{InvalidSetting, Validate};

/// How much is logged, and how it looks.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogSettings {
    /// A level, or directives like `info,auth_service=debug`.
    pub level: String,
    /// How a line looks.
    pub format: LogFormat,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line, for machines.
    Json,
    /// For people at a terminal.
    Pretty,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::Json }
    }
}

impl Validate for LogSettings {
    fn validate(&self) -> Result<(), InvalidSetting> {
        match self.level.parse::<Targets>() {
            Ok(_) if !self.level.trim().is_empty() => Ok(()),
            _ => Err(InvalidSetting::new(
                "level",
                "error, warn, info, debug, trace or off, or directives like info,auth_service=debug",
            )),
        }
    }
}
