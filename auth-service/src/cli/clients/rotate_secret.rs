//! `auth-service clients rotate-secret`.

use clap::Args;

use super::entry::shown;
use super::{Context, Failure, One, Report};

#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    one: One,
    /// How long the old secret stays valid; 0: it ends now
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400, value_parser = clap::value_parser!(i64).range(0..=31_536_000))]
    keep_old: i64,
}

pub(super) async fn run(arguments: &Arguments, context: &Context) -> Result<Report, Failure> {
    context.must_not_be_declared(&arguments.one.id)?;
    shown(&context.clients().rotate_secret(&arguments.one.id, arguments.keep_old).await?)
}
