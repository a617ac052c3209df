//! `auth-service keys list`.

use super::entry::{entries, tabled};
use super::{Context, Failure, Report};

pub(super) async fn run(context: &Context) -> Result<Report, Failure> {
    let entries = entries(context).await?;
    Report::new(&entries, tabled(&entries))
}
