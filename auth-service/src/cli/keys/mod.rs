//! `auth-service keys`.

mod entry;
mod export_public;
mod import;
mod list;
mod reencrypt;
mod rotate;

use clap::{Args, Subcommand};

use super::report::Format;
use super::{Context, Failure, Report};

#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) format: Format,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List the keys of the key set
    List,
    /// Let another key sign, after it was published for twice the key set's max-age
    Rotate(rotate::Arguments),
    /// Publish a key of your own, which signs after it was published for the same time
    Import(import::Arguments),
    /// Print the public keys, as a JWK Set
    ExportPublic(export_public::Arguments),
    /// Encrypt everything that `keys.previous_encryption_keys` encrypted anew, with `keys.encryption_key`
    Reencrypt,
}

pub(super) async fn run(arguments: Arguments, context: &Context) -> Result<Report, Failure> {
    match arguments.command {
        Command::List => list::run(context).await,
        Command::Rotate(rotate) => rotate::run(&rotate, context).await,
        Command::Import(import) => import::run(&import, context).await,
        Command::ExportPublic(export) => export_public::run(&export, context).await,
        Command::Reencrypt => reencrypt::run(context).await,
    }
}
