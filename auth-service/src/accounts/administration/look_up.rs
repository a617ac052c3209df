//! Who is there?

use uuid::Uuid;

use super::Administration;
use crate::accounts::AccountError;
use crate::domain::{User, Username};
use crate::storage::users;

impl Administration {
    /// The user of that id or name. A name that is somebody else's id means that other user.
    pub async fn find(&self, who: &str) -> Result<Option<User>, AccountError> {
        let id = who.parse::<Uuid>().ok();
        let key = Username::parse(who).ok().map(|name| name.key().to_owned());
        let found = self.parts.database.read(move |conn| {
            if let Some(id) = id
                && let Some(user) = users::find(conn, id)?
            {
                return Ok(Some(user));
            }
            let Some(key) = key else { return Ok(None) };
            Ok::<_, AccountError>(users::find_by_name(conn, &key)?.map(|credentials| credentials.user))
        });
        found.await
    }

    /// At most `limit` users by name, those after the name `after`.
    pub async fn list(&self, after: Option<Username>, limit: i64) -> Result<Vec<User>, AccountError> {
        let listed = self.parts.database.read(move |conn| {
            Ok::<_, AccountError>(users::list(conn, after.as_ref().map(Username::key), limit)?)
        });
        listed.await
    }
}
