//! `auth-service users create`.

use clap::Args;

use super::password::Source;
use super::{Context, Failure, Person, Report, shown};
use crate::accounts::{Creation, Draft, DraftRequest, RegistrationField};
use crate::domain::User;

#[derive(Args)]
pub(super) struct Arguments {
    /// The name to log in with
    #[arg(value_name = "NAME")]
    name: String,
    /// The e-mail address
    #[arg(long)]
    email: Option<String>,
    /// The roles that the user's tokens carry, separated by commas
    #[arg(long, value_name = "A,B", default_value = "")]
    roles: String,
    #[command(flatten)]
    password: Source,
}

pub(super) async fn run(arguments: &Arguments, context: &Context) -> Result<Report, Failure> {
    let Arguments { name, email, roles, password } = arguments;
    let draft = Draft::parse(DraftRequest { username: name, email: email.as_deref(), roles })
        .map_err(|broken| said(&broken))?;
    let users = context.administration();
    if users.is_taken(&draft.username).await? {
        return Err(taken(name).into());
    }
    let hash = password.hash(context).await?;
    match users.create(draft, hash).await? {
        Creation::Created(user) => {
            let user: User = *user;
            Report::new(&Person::from(user.clone()), shown(&user))
        }
        Creation::Taken => Err(taken(name).into()),
    }
}

/// Formats the broken rules as one line.
pub(super) fn said(broken: &[RegistrationField]) -> String {
    broken.iter().map(|rule| format!("{} {}", rule.field, rule.message)).collect::<Vec<_>>().join("; ")
}

fn taken(name: &str) -> String {
    format!("{name:?}, or a name that looks like it, is taken")
}
