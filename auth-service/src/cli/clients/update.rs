//! `auth-service clients update`.

use clap::Args;

use super::entry::shown;
use super::{Context, Failure, One, Report};
use crate::clients::ClientMetadata;

#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    one: One,
    #[command(flatten)]
    metadata: ClientMetadata,
}

pub(super) async fn run(arguments: Arguments, context: &Context) -> Result<Report, Failure> {
    let id = arguments.one.id;
    context.must_not_be_declared(&id)?;
    shown(&context.clients().update(&id, arguments.metadata.without_blanks()).await?)
}
