//! `auth-service clients list`.

use super::entry::{Entry, tabled};
use super::{Context, Failure, Report};

pub(super) async fn run(context: &Context) -> Result<Report, Failure> {
    let clients = context.clients().list().await?;
    Report::new(&clients.iter().map(Entry::of).collect::<Vec<_>>(), tabled(&clients))
}
