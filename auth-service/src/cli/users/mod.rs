//! `auth-service users`.

mod create;
mod import;
mod list;
mod password;
mod person;
mod set_password;
mod set_roles;

use clap::{Args, Subcommand};

use self::person::{People, Person, shown};
use super::report::Format;
use super::{Context, Failure, Report};
use crate::domain::User;

#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) format: Format,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a user
    Create(create::Arguments),
    /// List the users, by name
    List(list::Arguments),
    /// Show a user
    Show(Who),
    /// Switch a user off; every session and token ends
    Disable(Who),
    /// Switch a user on; ended sessions and tokens stay ended
    Enable(Who),
    /// Replace a user's password; every session and token ends
    SetPassword(set_password::Arguments),
    /// Replace a user's roles; access tokens that carry one taken away are revoked, sessions go on
    SetRoles(set_roles::Arguments),
    /// End every session and token of a user, who may log in again
    RevokeTokens(Who),
    /// Remove a user, for good; every session and token ends
    Delete(Who),
    /// Make users with hashes of passwords that another program stored: all of the file, or nothing
    Import(import::Arguments),
}

#[derive(Args)]
struct Who {
    /// The user: name or id
    #[arg(value_name = "USER")]
    user: String,
}

pub(super) async fn run(arguments: Arguments, context: &Context) -> Result<Report, Failure> {
    let users = context.administration();
    match arguments.command {
        Command::Create(create) => create::run(&create, context).await,
        Command::List(list) => list::run(&list, context).await,
        Command::Show(Who { user }) => {
            let found = users.find(&user).await?.ok_or_else(|| unknown(&user))?;
            Report::new(&Person::from(found.clone()), shown(&found))
        }
        Command::Disable(Who { user }) => {
            let changed = users.disable(&user).await?;
            told(&user, changed, "is switched off. Every session and token has ended.")
        }
        Command::Enable(Who { user }) => {
            let changed = users.enable(&user).await?;
            told(&user, changed, "is switched on.")
        }
        Command::SetPassword(set) => set_password::run(&set, context).await,
        Command::SetRoles(set) => set_roles::run(&set, context).await,
        Command::RevokeTokens(Who { user }) => {
            let changed = users.revoke_tokens(&user).await?;
            told(&user, changed, "has no session and no token any longer.")
        }
        Command::Delete(Who { user }) => {
            let changed = users.delete(&user).await?;
            told(&user, changed, "is removed. Every session and token has ended.")
        }
        Command::Import(import) => import::run(&import, context).await,
    }
}

/// Reports a committed change.
fn told(who: &str, changed: Option<User>, what: &str) -> Result<Report, Failure> {
    let user = changed.ok_or_else(|| unknown(who))?;
    let text = format!("{} {what}", user.username);
    Report::new(&Person::from(user), text)
}

fn unknown(who: &str) -> String {
    format!("there is no user {who:?}")
}
