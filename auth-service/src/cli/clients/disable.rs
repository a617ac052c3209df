//! `auth-service clients disable`.

use super::entry::Entry;
use super::{Context, Failure, Report};

pub(super) async fn run(id: &str, context: &Context) -> Result<Report, Failure> {
    let disabled = context.clients().disable(id).await?;
    Report::new(
        &Entry::of(&disabled.registered),
        format!("{id} is disabled: it gets no token, its sessions are over, its tokens are revoked."),
    )
}
