//! `auth-service users set-password`.

use clap::Args;

use super::password::Source;
use super::{Context, Failure, Report, told, unknown};

#[derive(Args)]
pub(super) struct Arguments {
    /// The user: name or id
    #[arg(value_name = "USER")]
    user: String,
    #[command(flatten)]
    password: Source,
}

pub(super) async fn run(arguments: &Arguments, context: &Context) -> Result<Report, Failure> {
    let Arguments { user, password } = arguments;
    let users = context.administration();
    // Checked before the operator is asked for a password.
    users.find(user).await?.ok_or_else(|| unknown(user))?;
    let changed = users.set_password(user, password.hash(context).await?).await?;
    told(user, changed, "has another password. Every session and token has ended.")
}
