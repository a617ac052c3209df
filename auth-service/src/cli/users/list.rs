//! `auth-service users list`.

use clap::Args;

use super::person::tabled;
use super::{Context, Failure, People, Report};
use crate::domain::Username;

#[derive(Args)]
pub(super) struct Arguments {
    /// The most users to list
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    limit: Option<i64>,
    /// List users whose names come after this one: the last name of the previous list
    #[arg(long, value_name = "NAME")]
    after: Option<String>,
}

pub(super) async fn run(arguments: &Arguments, context: &Context) -> Result<Report, Failure> {
    let after = arguments.after.as_deref().map(Username::parse).transpose();
    let after = after.map_err(|rule| format!("--after: the name {rule}"))?;
    let users = context.administration().list(after, arguments.limit.unwrap_or(i64::MAX)).await?;
    let text = tabled(&users);
    Report::new(&users.into_iter().map(Into::into).collect::<People>(), text)
}
