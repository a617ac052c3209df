//! Makes the list of common passwords that the service refuses: `scripts/password-list` runs it. Reads a text with one
//! password a line, and writes the set of those that are long enough.
#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use std::collections::BTreeSet;
use std::error::Error;
use std::io::{BufWriter, Write as _};

use auth_service::passwords::common::{SHORTEST_ENTRY, fold};
use fst::SetBuilder;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [source, target] = arguments.as_slice() else { return Err("give the source and the target".into()) };
    let text = std::fs::read_to_string(source)?;
    let long_enough = |entry: &String| entry.chars().count() >= SHORTEST_ENTRY;
    // A set is built from sorted keys.
    let entries: BTreeSet<String> = text.lines().map(fold).filter(long_enough).collect();
    let mut set = SetBuilder::new(BufWriter::new(std::fs::File::create(target)?))?;
    set.extend_iter(&entries)?;
    set.into_inner()?.flush()?;
    println!("{} entries, {} bytes", entries.len(), std::fs::metadata(target)?.len());
    Ok(())
}
