//! `auth-service clients update`.

use clap::Args;

use super::entry::shown;
use super::options::Options;
use super::{Context, Failure, One, Report};

#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    one: One,
    /// A name for people
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    options: Options,
}

pub(super) async fn run(arguments: Arguments, context: &Context) -> Result<Report, Failure> {
    let id = arguments.one.id;
    context.must_not_be_declared(&id)?;
    let changed = arguments.options.into_words(arguments.name).parse()?;
    shown(&context.clients().update(&id, changed).await?)
}
