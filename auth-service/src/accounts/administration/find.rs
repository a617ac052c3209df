//! Finds and lists users.

use uuid::Uuid;

use super::Administration;
use crate::accounts::AccountError;
use crate::domain::{User, Username};
use crate::storage::users;

impl Administration {
    /// Finds the user with this id or name.
    ///
    /// # Errors
    /// [`AccountError::Ambiguous`] if the text is the id of one user and the name of another. New names must not look
    /// like ids, but older users may have such names.
    pub async fn find(&self, who: &str) -> Result<Option<User>, AccountError> {
        let id = who.parse::<Uuid>().ok();
        let key = Username::parse(who).ok().map(|name| name.key().to_owned());
        let found = self.inner.unit_of_work.database().read(move |conn| {
            let by_id = id.map(|id| users::find(conn, id)).transpose()?.flatten();
            let by_name = key.map(|key| users::find_by_name(conn, &key)).transpose()?.flatten();
            match (by_id, by_name.map(|credentials| credentials.user)) {
                (Some(one), Some(other)) if one.id != other.id => Err(AccountError::Ambiguous),
                (by_id, by_name) => Ok(by_id.or(by_name)),
            }
        });
        found.await
    }

    /// Lists at most `limit` users, ordered by name, starting after the name `after`.
    pub async fn list(&self, after: Option<Username>, limit: i64) -> Result<Vec<User>, AccountError> {
        let listed = self.inner.unit_of_work.database().read(move |conn| {
            Ok::<_, AccountError>(users::list(conn, after.as_ref().map(Username::key), limit)?)
        });
        listed.await
    }
}
