//! `auth-service keys import`.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use zeroize::Zeroizing;

use super::entry::{entries, tabled};
use super::{Context, Failure, Report};

/// The largest file that is read, in bytes. A key of 16,384 bits in PEM form has 13 kB.
const MAX_FILE: usize = 64 * 1024;

#[derive(Args)]
pub(super) struct Arguments {
    /// An RSA key of 2048 bits or more, PKCS#8 in PEM form; `-` for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(super) async fn run(arguments: &Arguments, context: &Context) -> Result<Report, Failure> {
    let pem = read(&arguments.file).map_err(|error| format!("{}: {error}", arguments.file.display()))?;
    let pem = pem.trim_start_matches('\u{feff}');
    let kid = context.rotation().await?.import(pem).await?;
    let entries = entries(context).await?;
    let imported = entries.iter().find(|entry| entry.kid == kid);
    let when =
        imported.map_or_else(String::new, |entry| format!(", and signs from {} on", entry.activates_at));
    Report::new(&entries, format!("{kid} is published{when}.\n\n{}", tabled(&entries)))
}

fn read(file: &Path) -> std::io::Result<Zeroizing<String>> {
    // The full capacity is allocated at once: a buffer that grows would leave copies of the key in memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_FILE));
    let reader: Box<dyn Read> = if file == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(file)?)
    };
    reader.take(MAX_FILE as u64).read_to_end(&mut bytes)?;
    // A file that is not UTF-8 becomes an empty text, which is then refused as no PEM with advice on what to do.
    Ok(Zeroizing::new(std::str::from_utf8(&bytes).unwrap_or_default().to_owned()))
}
