//! The output of a command.

use clap::Args;
use serde::Serialize;

use super::Failure;
use super::output::print;

/// The option that selects the output format. Flatten it into the command's arguments.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct Format {
    /// Print one JSON document
    #[arg(long, global = true)]
    pub(super) json: bool,
}

/// The outcome of a command, for machines and for people.
pub(super) struct Report {
    document: String,
    text: String,
}

impl Report {
    pub(super) fn new(document: &impl Serialize, text: impl Into<String>) -> Result<Self, Failure> {
        Ok(Self { document: serde_json::to_string_pretty(document)?, text: text.into() })
    }

    pub(super) fn print(&self, format: Format) -> Result<(), Failure> {
        print(if format.json { &self.document } else { &self.text })
    }
}
