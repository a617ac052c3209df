//! `auth-service users set-roles`.

use clap::Args;

use super::{Context, Failure, Report, told, unknown};
use crate::domain::RoleNames;

#[derive(Args)]
pub(super) struct Arguments {
    /// The user: name or id
    #[arg(value_name = "USER")]
    user: String,
    /// All roles of the user, separated by commas; '' for none
    #[arg(value_name = "ROLES", required_unless_present = "option")]
    roles: Option<String>,
    /// The same, as an option as in `create`
    #[arg(long = "roles", value_name = "A,B", id = "option", conflicts_with = "roles")]
    option: Option<String>,
}

pub(super) async fn run(arguments: &Arguments, context: &Context) -> Result<Report, Failure> {
    let Arguments { user, roles, option } = arguments;
    let roles = RoleNames::parse(roles.as_deref().or(option.as_deref()).unwrap_or_default())?;
    let changed = context.administration().set_roles(user, roles).await?.ok_or_else(|| unknown(user))?;
    let names = changed.roles.join(", ");
    let what = if names.is_empty() { "has no roles.".to_owned() } else { format!("has the roles {names}.") };
    told(user, Some(changed), &what)
}
