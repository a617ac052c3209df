//! `auth-service clients create`.

use clap::Args;

use super::entry::shown;
use super::{Context, Failure, Report};
use crate::clients::ClientMetadata;
use crate::domain::ClientId;

#[derive(Args)]
pub(super) struct Arguments {
    /// Its `client_id`; default: a generated one
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    #[command(flatten)]
    metadata: ClientMetadata,
}

pub(super) async fn run(arguments: Arguments, context: &Context) -> Result<Report, Failure> {
    let id = arguments.id.as_deref().map(ClientId::parse).transpose()?;
    if let Some(id) = &id {
        context.must_not_be_declared(id.as_str())?;
    }
    shown(&context.clients().create(id, arguments.metadata.without_blanks()).await?)
}
