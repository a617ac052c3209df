//! The command line, one file for each command.
//!
//! A command that works on the database is a function of its arguments and a [`Context`], and returns a [`Report`]:
//! one document for machines (`--json`), a text for people. It prints nothing itself, except for `audit`, which may
//! run for ever. Errors and logs go to standard error. Secrets are read from a file or standard input, never from an
//! argument, because other users of the machine can see arguments.

mod audit;
mod check_config;
mod clients;
mod context;
mod healthcheck;
mod keys;
mod migrate;
mod output;
mod report;
mod serve;
mod table;
mod users;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use service_kit::config::{self, LoadSpec};

use self::context::Context;
use self::output::{complain, print};
use self::report::Report;
use crate::config::{PREFIX, Settings};

/// Users, sessions, RS256 tokens, and the revocation list.
///
/// Settings: built-in defaults, then the file named by --config, then the environment (`AUTH__HTTP__BIND`).
#[derive(Parser)]
#[command(name = "auth-service", version)]
struct Arguments {
    /// A settings file (TOML, YAML or JSON)
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve (the default)
    Serve,
    /// Print the effective settings, secrets masked
    CheckConfig,
    /// Bring the database up to date
    Migrate,
    /// Ask the running service whether it can serve; exits non-zero if not
    Healthcheck,
    /// The OAuth clients
    Clients(clients::Arguments),
    /// The keys that tokens are signed with
    Keys(keys::Arguments),
    /// Users, by name or id
    Users(users::Arguments),
    /// Audit events, oldest first: one JSON object per line
    Audit(audit::Arguments),
}

/// The error of a command: the line for standard error.
type Failure = Box<dyn std::error::Error>;

/// Runs the command that the arguments of this process name.
pub async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain(&failure);
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    let settings: Settings = config::load(LoadSpec::from_process(PREFIX, arguments.config)?)?;
    match arguments.command.unwrap_or(Command::Serve) {
        Command::Serve => serve::run(settings).await,
        Command::CheckConfig => print(&check_config::run(&settings)?),
        Command::Migrate => print(&migrate::run(&settings).await?),
        Command::Healthcheck => healthcheck::run(&settings),
        Command::Clients(arguments) => {
            let format = arguments.format;
            clients::run(arguments, &Context::open(settings).await?).await?.print(format)
        }
        Command::Keys(arguments) => {
            let format = arguments.format;
            keys::run(arguments, &Context::open(settings).await?).await?.print(format)
        }
        Command::Users(arguments) => {
            let format = arguments.format;
            users::run(arguments, &Context::open(settings).await?).await?.print(format)
        }
        Command::Audit(arguments) => audit::run(arguments, Context::open(settings).await?).await,
    }
}
