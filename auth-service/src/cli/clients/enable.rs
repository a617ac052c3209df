//! `auth-service clients enable`.

use super::entry::Entry;
use super::{Context, Failure, Report};

pub(super) async fn run(id: &str, context: &Context) -> Result<Report, Failure> {
    let enabled = context.clients().enable(id).await?;
    Report::new(&Entry::of(&enabled.registered), format!("{id} is enabled."))
}
