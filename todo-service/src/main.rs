//! The command-line program.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use service_kit::config::{self, LoadSpec};
use service_kit::database::{back_up, stage_restore};
use service_kit::timestamp::rfc3339;
use service_kit::{health, server, telemetry};
use shared_claims::clock::{Clock, SystemClock};
use todo_service::config::{PREFIX, Settings};
use todo_service::startup::{self, Application, StartError};
use todo_service::storage::migrations;

/// A to-do list service for users with a Latchkey access token; each user sees only their own todos.
///
/// Settings come from built-in defaults, then the file named by --config, then the environment (`TODO__HTTP__BIND`).
#[derive(Parser)]
#[command(name = "todo-service", version)]
struct Arguments {
    /// A file with settings (TOML, YAML or JSON)
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
    /// Apply the missing migrations to the database
    Migrate {
        /// Fail if a newer release has made the schema: for a database that was restored
        #[arg(long)]
        refuse_newer: bool,
    },
    /// Copy the SQLite database into a file, while the service uses it
    Backup {
        /// Where to write the back-up
        file: PathBuf,
        /// Replace the file if it exists
        #[arg(long)]
        overwrite: bool,
    },
    /// Put a back-up in the place of the SQLite database. The service must be stopped
    Restore {
        /// A file that `backup` wrote
        file: PathBuf,
        /// Confirm that the database is replaced
        #[arg(long)]
        yes: bool,
    },
    /// Check whether the running service is ready; fails if it is not
    Healthcheck,
}

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    server::run_program(async {
        match run(Arguments::parse()).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => {
                print_error(&failure);
                ExitCode::FAILURE
            }
        }
    })
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    let settings: Settings = config::load(LoadSpec::from_process(PREFIX, arguments.config)?)?;
    match arguments.command.unwrap_or(Command::Serve) {
        Command::Serve => serve(settings).await,
        Command::CheckConfig => {
            server::check_tls(&settings.http)?;
            print(config::render(&settings)?.trim_end());
            Ok(())
        }
        Command::Migrate { refuse_newer } => {
            let _log = telemetry::init(&settings.log)?;
            if refuse_newer {
                startup::refuse_newer_schema(&settings).await.map_err(StartError::from)?;
            }
            startup::open_database(&settings).await.map_err(StartError::from)?;
            print("The database is up to date");
            Ok(())
        }
        Command::Backup { file, overwrite } => {
            let bytes = back_up(&settings.database, migrations(), &file, overwrite).await?;
            print(&format!("{bytes} bytes in {}, read back and found whole", file.display()));
            Ok(())
        }
        Command::Restore { file, yes } => {
            let _log = telemetry::init(&settings.log)?;
            restore(&settings, &file, yes).await
        }
        Command::Healthcheck => {
            Ok(health::request_readiness(settings.http.bind, settings.http.tls_cert.is_some())?)
        }
    }
}

async fn restore(settings: &Settings, file: &Path, yes: bool) -> Result<(), Failure> {
    if !yes {
        return Err("this replaces the database; repeat it with --yes".into());
    }
    let staged = stage_restore(&settings.database, migrations(), file).await?;
    let now = rfc3339(SystemClock.now_ms());
    let stamp = now.chars().filter(char::is_ascii_alphanumeric).collect();
    print(&match staged.put_in_place(stamp).await? {
        Some(path) => format!(
            "Restored. The replaced database is {}. Delete it when you need it no more",
            path.display()
        ),
        None => "Restored".to_owned(),
    });
    Ok(())
}

async fn serve(settings: Settings) -> Result<(), Failure> {
    let _log = telemetry::init(&settings.log)?;
    server::raise_open_file_limit();
    let starting = Application::build(settings, Arc::new(SystemClock));
    let Some(application) = server::unless_stopped(starting).await? else { return Ok(()) };
    let application = application?;
    tracing::info!(port = application.port(), version = env!("CARGO_PKG_VERSION"), "server.listening");
    Ok(application.run_until_stopped().await?)
}

#[expect(clippy::print_stdout, reason = "a command prints its result here")]
fn print(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "the error that ends the program is shown here")]
fn print_error(failure: &Failure) {
    eprintln!("error: {failure}");
}
