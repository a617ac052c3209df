//! `auth-service clients`.

mod create;
mod delete;
mod disable;
mod enable;
mod entry;
mod list;
mod rotate_secret;
mod show;
mod update;

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
    /// Make a client; its secret is shown now and never again
    #[command(mut_arg("name", |name| name.required(true)))]
    Create(Box<create::Arguments>),
    /// List the clients
    List,
    /// Show one client
    Show(One),
    /// Change the properties that are given, and no others
    Update(Box<update::Arguments>),
    /// Give a client a new secret, which is shown now and never again; the old one stays valid for a while
    RotateSecret(rotate_secret::Arguments),
    /// Switch a client off: its sessions end, its tokens are revoked
    Disable(One),
    /// Switch a client on; its former sessions and tokens stay revoked
    Enable(One),
    /// Remove a client: its sessions end, its tokens are revoked
    Delete(One),
}

/// The argument that names a client.
#[derive(Args)]
struct One {
    /// The `client_id`
    #[arg(value_name = "ID")]
    id: String,
}

pub(super) async fn run(arguments: Arguments, context: &Context) -> Result<Report, Failure> {
    match arguments.command {
        Command::Create(create) => create::run(*create, context).await,
        Command::List => list::run(context).await,
        Command::Show(One { id }) => show::run(&id, context).await,
        Command::Update(update) => update::run(*update, context).await,
        Command::RotateSecret(rotate) => rotate_secret::run(&rotate, context).await,
        Command::Disable(One { id }) => disable::run(&id, context).await,
        Command::Enable(One { id }) => enable::run(&id, context).await,
        Command::Delete(One { id }) => delete::run(&id, context).await,
    }
}
