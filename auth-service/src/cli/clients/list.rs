//! `auth-service clients list`.

use super::entry::{Entry, tabled};
use super::{Context, Failure, Report};

pub(super) async fn run(context: &Context) -> Result<Report, Failure> {
    let entries: Vec<_> = context.clients().list().await?.iter().map(Entry::of).collect();
    Report::new(&entries, tabled(&entries))
}
