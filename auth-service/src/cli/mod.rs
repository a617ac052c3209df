//! The command line: this file has the small commands, and there is a module for each command that has sub-commands.
//!
//! A command that works on the database is a function of its arguments and a [`Context`], and returns a [`Report`](output::Report):
//! a JSON document for programs (`--json`) and a text for people. It prints nothing itself, except for `audit`, which may
//! run for ever. Errors and logs go to standard error. Secrets are read from a file or standard input, never from an
//! argument, because other users of the machine can see arguments.

mod after_restore;
mod audit;
mod backup;
mod clients;
mod context;
mod keys;
mod mail;
mod output;
mod queue;
mod users;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use service_kit::config::{self, LoadSpec};
use service_kit::{health, server, telemetry};

use self::context::Context;
use self::output::{print, print_error};
use crate::config::{PREFIX, Settings};
use crate::keys::MasterKey;
use crate::startup::{self, Application, StartError, World};

/// The authorization server of Latchkey: users, OAuth clients, access tokens and their revocation.
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
    /// Run the service (the default)
    Serve,
    /// Print the effective settings, secrets masked
    CheckConfig,
    /// Apply the migrations that the database lacks
    Migrate {
        /// Fail if a newer release has made the schema: for a database that was restored
        #[arg(long)]
        refuse_newer: bool,
    },
    /// Check whether the running service is ready; exits non-zero if it is not
    Healthcheck,
    /// Manage OAuth clients
    Clients(clients::Arguments),
    /// Manage the keys that sign tokens
    Keys(keys::Arguments),
    /// Manage users
    Users(users::Arguments),
    /// Look at mails, and try the settings for them
    Mail(mail::Arguments),
    /// Look after the messages that wait to be sent to others
    Queue(queue::Arguments),
    /// Copy the SQLite database into a file, while servers use it
    Backup(backup::BackupArguments),
    /// Put a back-up in the place of the SQLite database, and end everything of before. Servers must be stopped
    Restore(backup::RestoreArguments),
    /// After the database was restored to an earlier state: end every session, and replace every signing key
    AfterRestore(after_restore::Arguments),
    /// Print audit events, oldest first: one JSON object per line
    Audit(audit::Arguments),
}

/// The error of a command: the line for standard error.
type Failure = Box<dyn std::error::Error>;

/// Runs the command that the arguments of this process name.
pub async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            print_error(&failure);
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    let settings: Settings = config::load(LoadSpec::from_process(PREFIX, arguments.config)?)?;
    match arguments.command.unwrap_or(Command::Serve) {
        Command::Serve => serve(settings).await,
        Command::CheckConfig => print(&check_config(&settings)?),
        Command::Migrate { refuse_newer } => print(&migrate(&settings, refuse_newer).await?),
        Command::Healthcheck => {
            Ok(health::request_readiness(settings.http.bind, settings.http.tls_cert.is_some())?)
        }
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
        Command::Mail(arguments) => mail::run(arguments, &settings).await,
        Command::Queue(arguments) => {
            let format = arguments.format;
            queue::run(arguments, &Context::open(settings).await?).await?.print(format)
        }
        Command::Backup(arguments) => {
            let format = arguments.format;
            backup::back_up_to(arguments, &settings).await?.print(format)
        }
        Command::Restore(arguments) => {
            let format = arguments.format;
            backup::restore_from(arguments, settings).await?.print(format)
        }
        Command::AfterRestore(arguments) => {
            let context = Context::open(after_restore::patient(settings)).await?;
            let report = after_restore::run(&arguments, &context).await?;
            report.print(arguments.format)
        }
        Command::Audit(arguments) => audit::run(arguments, Context::open(settings).await?).await,
    }
}

async fn serve(settings: Settings) -> Result<(), Failure> {
    let _log = telemetry::init(&settings.log)?;
    server::raise_open_file_limit();
    let starting = Box::pin(Application::build(settings, World::system()));
    let Some(application) = server::unless_stopped(starting).await? else { return Ok(()) };
    let application = application?;
    tracing::info!(port = application.port(), version = env!("CARGO_PKG_VERSION"), "server.listening");
    Ok(application.run_until_stopped().await?)
}

/// Checks what else would stop a start. The settings themselves were validated when they were loaded. Nothing is
/// created or changed.
fn check_config(settings: &Settings) -> Result<String, Failure> {
    if settings.keys.encryption_key.is_none() {
        MasterKey::check_file(&settings.keys.master_key_path)?;
    }
    startup::check_files(settings)?;
    Ok(config::render(settings)?.trim_end().to_owned())
}

async fn migrate(settings: &Settings, refuse_newer: bool) -> Result<String, Failure> {
    let _log = telemetry::init(&settings.log)?;
    if refuse_newer {
        startup::refuse_newer_schema(settings).await.map_err(StartError::from)?;
    }
    startup::open(settings).await.map_err(StartError::from)?;
    Ok("The database is up to date".to_owned())
}
