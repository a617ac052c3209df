//! `auth-service clients delete`.

use super::entry::Entry;
use super::{Context, Failure, Report};

pub(super) async fn run(id: &str, context: &Context) -> Result<Report, Failure> {
    context.must_not_be_declared(id)?;
    let deleted = context.clients().delete(id).await?;
    Report::new(
        &Entry::of(&deleted.registered),
        format!("{id} is deleted: its sessions are over, its tokens are revoked."),
    )
}
