//! The feed: the list over HTTP, for verifiers without Redis.

use std::time::Duration;

use serde::Serialize;
use service_kit::database::{Database, DatabaseError};
use shared_claims::clock::SharedClock;
use shared_claims::revocation::Fact;
use utoipa::ToSchema;

use super::Revocations;
use crate::storage::revocations::{self, LogPage};

/// The most entries of one answer.
pub const ENTRIES_AN_ANSWER: i64 = 10_000;
/// The longest that a request may be held.
pub const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// An answer of the feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FeedPage {
    /// The database's own id: a list with another epoch is another list.
    pub epoch: String,
    /// Where the next request goes on.
    pub cursor: String,
    /// False while more is there already.
    pub complete: bool,
    /// The facts, in the order of commits.
    #[schema(value_type = Vec<Object>)]
    pub entries: Vec<Fact>,
}

/// A cursor that cannot be used: start again without one, and keep what is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cursor belongs to another list")]
pub struct UnusableCursor;

/// Why the feed cannot answer.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The cursor is none of this list's: 410.
    #[error(transparent)]
    Cursor(#[from] UnusableCursor),
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] DatabaseError),
}

/// A place in the list of one database: `<epoch>.<seq>`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Cursor<'a> {
    epoch: &'a str,
    seq: i64,
}

impl<'a> Cursor<'a> {
    fn parse(text: &'a str) -> Result<Self, UnusableCursor> {
        let (epoch, seq) = text.split_once('.').ok_or(UnusableCursor)?;
        let seq = seq.parse().ok().filter(|seq| *seq >= 0).ok_or(UnusableCursor)?;
        Ok(Self { epoch, seq })
    }

    fn render(epoch: &str, seq: i64) -> String {
        format!("{epoch}.{seq}")
    }
}

/// How long to wait for news: so long, and not beyond the end of `stop`.
pub struct Until<F> {
    /// The longest wait.
    pub limit: Duration,
    /// Done when there is no more waiting.
    pub stop: F,
}

/// Reads what was committed after `cursor` (all that counts, without one), after this call began. Where there is
/// nothing it waits for news.
///
/// # Errors
/// [`FeedError::Cursor`] for a cursor of another list; [`FeedError::Log`] when the database does not answer.
pub async fn read(
    database: &Database,
    revocations: &Revocations,
    clock: &SharedClock,
    cursor: Option<&str>,
    until: Until<impl Future<Output = ()>>,
) -> Result<FeedPage, FeedError> {
    let epoch = revocations.database_id();
    let after = match cursor.map(Cursor::parse).transpose()? {
        Some(cursor) if cursor.epoch != epoch => return Err(UnusableCursor.into()),
        Some(cursor) => cursor.seq,
        None => 0,
    };
    let mut page = read_page(database, clock, after).await?;
    if page.facts.is_empty() && after == page.last_seq && !until.limit.is_zero() {
        tokio::select! {
            () = revocations.wait_for_news(after, until.limit.min(LONGEST_WAIT)) => {}
            () = until.stop => {}
        }
        page = read_page(database, clock, after).await?;
    }
    if after > page.last_seq {
        // A place that this list has not reached: the database was set back.
        return Err(UnusableCursor.into());
    }
    let complete = page.is_last(ENTRIES_AN_ANSWER);
    let reached = if complete { page.last_seq } else { page.last_read(after) };
    Ok(FeedPage {
        epoch: epoch.to_owned(),
        cursor: Cursor::render(epoch, reached),
        complete,
        entries: page.facts.into_iter().map(|sequenced| sequenced.fact).collect(),
    })
}

async fn read_page(database: &Database, clock: &SharedClock, after: i64) -> Result<LogPage, DatabaseError> {
    let now = clock.now_seconds();
    database.snapshot(move |conn| Ok(revocations::page(conn, after, None, now, ENTRIES_AN_ANSWER)?)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_the_round_trip() {
        let text = Cursor::render("0192-a", 41);
        assert_eq!(Cursor::parse(&text), Ok(Cursor { epoch: "0192-a", seq: 41 }));
    }

    #[test]
    fn what_is_no_cursor_is_unusable() {
        for text in ["", "41", "a.", "a.-1", "a.b", "a.1.2", "a.99999999999999999999"] {
            assert_eq!(Cursor::parse(text), Err(UnusableCursor), "{text:?}");
        }
    }
}
