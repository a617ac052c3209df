//! `auth-service keys import`.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use zeroize::Zeroizing;

use super::entry::{entries, tabled};
use super::{Context, Failure, Report};

#[derive(Args)]
pub(super) struct Arguments {
    /// An RSA key of 2048 bits or more, PKCS#8 in PEM form; `-` for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(super) async fn run(arguments: &Arguments, context: &Context) -> Result<Report, Failure> {
    let pem = read(&arguments.file).map_err(|error| format!("{}: {error}", arguments.file.display()))?;
    let kid = context.rotation().await?.import(&pem).await?;
    let entries = entries(context).await?;
    let imported = entries.iter().find(|entry| entry.kid == kid);
    let when =
        imported.map_or_else(String::new, |entry| format!(", and signs from {} on", entry.activates_at));
    Report::new(&entries, format!("{kid} is published{when}.\n\n{}", tabled(&entries)))
}

fn read(file: &Path) -> std::io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    if file == Path::new("-") {
        std::io::stdin().read_to_string(&mut text)?;
    } else {
        std::fs::File::open(file)?.read_to_string(&mut text)?;
    }
    Ok(text)
}
