//! Forgetting what no longer matters, a little at a time.

use super::{TokenError, Tokens};
use crate::storage::{refresh_tokens, revocations, sessions};

/// Rows removed in one transaction, so that nobody waits long for it.
const BATCH: i64 = 500;
/// What has ended is kept this long, for clocks that differ.
const MARGIN_S: i64 = 120;

/// What one round removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Sessions, their refresh tokens with them.
    pub sessions: usize,
    /// Refresh tokens of sessions that go on.
    pub refresh_tokens: usize,
    /// Facts.
    pub revocations: usize,
}

impl Pruned {
    /// Whether a batch was full, so that there is more.
    pub fn is_partial(self) -> bool {
        let full = |removed: usize| i64::try_from(removed).is_ok_and(|removed| removed >= BATCH);
        full(self.sessions) || full(self.refresh_tokens) || full(self.revocations)
    }
}

impl Tokens {
    /// Removes one batch of each kind.
    pub async fn prune(&self) -> Result<Pruned, TokenError> {
        let over_since = self.inner.clock.now_seconds().saturating_sub(MARGIN_S);
        let before_ms = over_since.saturating_mul(1000);
        let database = &self.inner.database;
        let sessions =
            database.write(move |conn| Ok::<_, TokenError>(sessions::prune(conn, before_ms, BATCH)?));
        let sessions = sessions.await?;
        let tokens =
            database.write(move |conn| Ok::<_, TokenError>(refresh_tokens::prune(conn, before_ms, BATCH)?));
        let refresh_tokens = tokens.await?;
        let facts =
            database.write(move |conn| Ok::<_, TokenError>(revocations::prune(conn, over_since, BATCH)?));
        let revocations = facts.await?;
        Ok(Pruned { sessions, refresh_tokens, revocations })
    }
}
