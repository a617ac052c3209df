//! `auth-service clients create`.

use clap::Args;

use super::entry::shown;
use super::options::Options;
use super::{Context, Failure, Report};
use crate::domain::ClientId;

#[derive(Args)]
pub(super) struct Arguments {
    /// A name for people
    #[arg(long, value_name = "NAME")]
    name: String,
    /// Its `client_id`; default: a generated one
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    #[command(flatten)]
    options: Options,
}

pub(super) async fn run(arguments: Arguments, context: &Context) -> Result<Report, Failure> {
    let id = arguments.id.as_deref().map(ClientId::parse).transpose()?;
    let described = arguments.options.into_words(Some(arguments.name)).parse()?;
    if let Some(id) = &id {
        context.must_not_be_declared(id.as_str())?;
    }
    shown(&context.clients().create(id, described).await?)
}
