//! The settings under `log.`.

use serde::{Deserialize, Serialize};
use tracing_subscriber::filter::Targets;

use crate::config::{InvalidSetting, Validate};

/// The level and format of the log.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogSettings {
    /// A level, or directives like `info,auth_service=debug`.
    pub level: String,
    /// The format of a line.
    pub format: LogFormat,
}

/// The format of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object per line, for machines.
    Json,
    /// Text, for a terminal.
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
