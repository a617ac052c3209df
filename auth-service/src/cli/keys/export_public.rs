//! `auth-service keys export-public`.

use clap::Args;

use super::entry::Entry;
use super::{Context, Failure, Report};
use crate::keys::{Jwk, JwkSet, stored_keys};

#[derive(Args)]
pub(super) struct Arguments {
    /// Print PEM instead
    #[arg(long, conflicts_with = "json")]
    pem: bool,
}

pub(super) async fn run(arguments: &Arguments, context: &Context) -> Result<Report, Failure> {
    let rows = stored_keys(&context.database).await?;
    let jwks: Vec<_> = rows.iter().map(Jwk::of).collect();
    let text = if arguments.pem {
        jwks.iter().map(Jwk::to_pem).collect::<Result<Vec<_>, _>>()?.join("\n")
    } else {
        serde_json::to_string_pretty(&JwkSet { keys: jwks.clone() })?
    };
    let entries = rows.iter().zip(jwks).map(|(row, jwk)| Entry { jwk: Some(jwk), ..Entry::of(row) });
    Report::new(&entries.collect::<Vec<_>>(), text.trim_end())
}
