//! Lists and shows clients.

use super::{Administration, AdministrationError};
use crate::clients::RegisteredClient;
use crate::storage::{client_secrets, clients};

impl Administration {
    /// Lists all clients, ordered by id.
    pub async fn list(&self) -> Result<Vec<RegisteredClient>, AdministrationError> {
        let listed = self.inner.unit_of_work.database().snapshot(|conn| {
            let clients = clients::all(conn)?.or_log("clients").into_iter();
            let registered = clients.map(|client| {
                let secrets = client_secrets::of_client(conn, client.id.as_str())?;
                Ok::<_, AdministrationError>(RegisteredClient { client, secrets })
            });
            registered.collect()
        });
        listed.await
    }

    /// Reads one client.
    ///
    /// # Errors
    /// [`AdministrationError::Unknown`].
    pub async fn show(&self, id: &str) -> Result<RegisteredClient, AdministrationError> {
        let id = id.to_owned();
        let shown = self.inner.unit_of_work.database().snapshot(move |conn| {
            let Some(client) = clients::find(conn, &id)? else {
                return Err(AdministrationError::Unknown(id));
            };
            let secrets = client_secrets::of_client(conn, &id)?;
            Ok(RegisteredClient { client, secrets })
        });
        shown.await
    }
}
