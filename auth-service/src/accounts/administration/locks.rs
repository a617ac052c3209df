//! The locks of a user, as an operator sees them and ends them.

use uuid::Uuid;

use super::Administration;
use crate::accounts::AccountError;
use crate::accounts::locks::forget_guesses;
use crate::domain::{AuditKind, CallerKind, Email, User};
use crate::storage::{login_locks, users};

/// The last lock of one budget of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserLock {
    /// How the account knows the callers who share the budget.
    pub callers: CallerKind,
    /// The number of locks in the row, this one included. Each lasted twice as long as the one before.
    pub locks: i64,
    /// When the lock ends, in milliseconds since the Unix epoch; `None` if it has ended.
    pub locked_until_ms: Option<i64>,
}

impl Administration {
    /// Ends every lock of a user and forgets all failed logins, on every replica at once. The user is named by an id, a name,
    /// or a verified address. Failed logins of an IP address are not forgotten.
    pub async fn unlock(&self, who: &str) -> Result<Option<User>, AccountError> {
        let Some(found) = self.find_by_any(who).await? else { return Ok(None) };
        self.change_found(found.id, |inner, transaction, user| {
            forget_guesses(transaction, user.id)?;
            transaction.record(inner.event(AuditKind::UserUnlocked, user));
            Ok(())
        })
        .await
    }

    /// The rows of locks of the user with this id that have not ended.
    pub async fn locks(&self, id: Uuid) -> Result<Vec<UserLock>, AccountError> {
        let unit_of_work = &self.inner.unit_of_work;
        let now_ms = unit_of_work.clock().now_ms();
        let read = unit_of_work.database().read(move |conn| login_locks::of_user(conn, id)).await?;
        let in_row = read.into_iter().filter(|(_, lock)| lock.is_in_row(now_ms));
        let lock = in_row.map(|(callers, lock)| {
            let locked_until_ms = lock.remaining(now_ms).map(|_| lock.locked_until_ms);
            UserLock { callers, locks: lock.locks, locked_until_ms }
        });
        Ok(lock.collect())
    }

    /// Finds a user as a login does, by a verified address first, or by the id.
    async fn find_by_any(&self, who: &str) -> Result<Option<User>, AccountError> {
        if let Some(key) = Email::key_of_identifier(who) {
            let database = self.inner.unit_of_work.database();
            let found = database.read(move |conn| users::find_by_verified_email(conn, &key)).await?;
            if let Some(credentials) = found {
                return Ok(Some(credentials.user));
            }
        }
        self.find(who).await
    }
}
