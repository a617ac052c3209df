//! `auth-service keys rotate`.

use clap::Args;

use super::entry::{Entry, entries, tabled};
use super::{Context, Failure, Report};
use crate::domain::signing_key::When;

#[derive(Args)]
pub(super) struct Arguments {
    /// Drop this key at once and revoke every token that it signed. Another key signs from now on; sessions go on
    // One key id in sixty-four begins with a hyphen.
    #[arg(long, value_name = "KID", allow_hyphen_values = true)]
    compromised: Option<String>,
    /// Do not wait until every verifier knows the key. A verifier that rarely looks up unknown keys refuses good
    /// tokens until it knows this one
    #[arg(long, conflicts_with = "compromised")]
    now: bool,
}

pub(super) async fn run(arguments: &Arguments, context: &Context) -> Result<Report, Failure> {
    let rotation = context.rotation().await?;
    let done = if let Some(kid) = &arguments.compromised {
        rotation.drop_compromised(kid.clone()).await?;
        format!("{kid} is dropped, and all that it signed is revoked.\n")
    } else {
        rotation.rotate(if arguments.now { When::AtOnce } else { When::Announced }).await?;
        String::new()
    };
    let entries = entries(context).await?;
    Report::new(&entries, format!("{done}{}\n\n{}", outlook(&entries), tabled(&entries)))
}

/// Says which key signs now and which one signs next.
fn outlook(entries: &[Entry]) -> String {
    let named = |state: &str| entries.iter().filter(|entry| entry.state == state).collect::<Vec<_>>();
    let mut sentences: Vec<_> =
        named("active").iter().map(|active| format!("{} signs.", active.kid)).collect();
    let next = named("next");
    sentences.extend(next.iter().map(|next| format!("{} takes over at {}.", next.kid, next.activates_at)));
    sentences.join("\n")
}
