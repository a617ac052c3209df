//! `auth-service clients show`.

use super::entry::Entry;
use super::{Context, Failure, Report};

pub(super) async fn run(id: &str, context: &Context) -> Result<Report, Failure> {
    let entry = Entry::of(&context.clients().show(id).await?);
    Report::new(&entry, entry.described())
}
