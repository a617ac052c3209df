//! The output of commands: a report for programs and for people, tables, and the error line that says why the program
//! ends.

use std::io::{ErrorKind, Write};

use clap::Args;
use serde::Serialize;

use super::Failure;

/// The option that selects the output format. Flatten it into the command's arguments.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct Format {
    /// Print one JSON document
    #[arg(long, global = true)]
    pub(super) json: bool,
}

/// The outcome of a command: a JSON document for programs, and a text for people.
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

/// Prints a text and a newline. A reader that has closed the pipe (`| head`) is no error.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

#[expect(clippy::print_stderr, reason = "the one line that says why the program ends")]
pub(super) fn print_error(failure: &Failure) {
    eprintln!("error: {failure}");
}

/// Formats a table: a line of column names, then the rows, with each column as wide as its longest cell.
pub(super) fn table<const N: usize>(names: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = names.map(|name| name.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &[String; N]| {
        let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(&names.map(str::to_owned))];
    lines.extend(rows.iter().map(line));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn columns_are_aligned_and_lines_have_no_trailing_blanks() {
        let rows = [["a".into(), "first".into()], ["longer".into(), String::new()]];
        assert_eq!(table(["NAME", "WHAT"], &rows), "NAME    WHAT\na       first\nlonger");
        assert_eq!(table(["NAME"], &[]), "NAME");
    }
}
