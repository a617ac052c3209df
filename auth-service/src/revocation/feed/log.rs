//! What the feed reads of the log, through connections of its own.

use std::time::Duration;

use service_kit::database::{Database, DatabaseError, DbConnection};

use super::memory::{Anchor, CAPACITY, PAGE, Reading, Stretch};
use crate::storage::meta::{self, DATABASE_ID};
use crate::storage::revocations::{self, LogPage};

/// How long one read may take before whoever waits for it is told that it failed.
pub(super) const READ_LIMIT: Duration = Duration::from_secs(2);

/// Why the log was not read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("no answer within {} s", READ_LIMIT.as_secs())]
    TimedOut,
}

/// Reads what is behind the anchor, or the newest facts where there is none or it does not stand any more: in one
/// snapshot of the primary that begins after this call.
pub(super) async fn read(
    database: &Database,
    anchor: Option<Anchor>,
    now: i64,
) -> Result<Reading, ReadError> {
    let reading = database.snapshot(move |conn| read_in(conn, anchor.as_ref(), now));
    Ok(tokio::time::timeout(READ_LIMIT, reading).await.map_err(|_| ReadError::TimedOut)??)
}

fn read_in(conn: &mut DbConnection, anchor: Option<&Anchor>, now: i64) -> Result<Reading, DatabaseError> {
    let capacity = i64::try_from(CAPACITY).unwrap_or(i64::MAX);
    let epoch = epoch(conn)?;
    if let Some(anchor) = anchor.filter(|anchor| *anchor.epoch == *epoch) {
        let last_seq = revocations::last_seq(conn)?;
        if last_seq >= anchor.last_seq {
            let place = anchor.fact.seq;
            let mut page = revocations::page(conn, place - 1, Some(last_seq), now, capacity + 1)?;
            // Where there is more than one page of it, it is as quick to begin anew.
            if page.is_last(capacity + 1) && page.facts.first() == Some(&*anchor.fact) {
                page.facts.remove(0);
                return Ok(Reading::Later { anchor: place, page });
            }
        }
    }
    Ok(Reading::Anew { epoch, page: revocations::newest(conn, now, capacity)? })
}

/// Reads a page of a part of the log that memory does not reach back to, and the database's id.
pub(super) async fn read_page(
    database: &Database,
    stretch: &Stretch,
    now: i64,
) -> Result<(String, LogPage), ReadError> {
    let (after, up_to, limit) = (stretch.after, stretch.up_to, i64::try_from(PAGE).unwrap_or(i64::MAX));
    let reading = database.snapshot(move |conn| {
        let page = revocations::page(conn, after, Some(up_to), now, limit)?;
        Ok::<_, DatabaseError>((epoch(conn)?, page))
    });
    Ok(tokio::time::timeout(READ_LIMIT, reading).await.map_err(|_| ReadError::TimedOut)??)
}

fn epoch(conn: &mut DbConnection) -> Result<String, DatabaseError> {
    meta::find(conn, DATABASE_ID)?
        .ok_or_else(|| DatabaseError::Unavailable("it has no id, as if it were being restored".to_owned()))
}
