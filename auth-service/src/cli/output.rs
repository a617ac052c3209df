//! Writes to standard output, and the error line that says why the program ends.

use std::io::{ErrorKind, Write};

use super::Failure;

/// Prints a text and a newline. A reader that has closed the pipe (`| head`) is no error.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

#[expect(clippy::print_stderr, reason = "the one line that says why the program ends")]
pub(super) fn complain(failure: &Failure) {
    eprintln!("error: {failure}");
}
