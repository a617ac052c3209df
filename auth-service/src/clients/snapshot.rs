//! All clients, as the database had them at one moment.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use service_kit::database::{DatabaseError, DbConnection};

use super::RegisteredClient;
use crate::domain::{RedirectOrigin, RedirectUri};
use crate::storage::{client_secrets, clients};

/// One reading of the tables `clients` and `client_secrets`.
#[derive(Default)]
pub(super) struct Snapshot {
    /// The version number, which grows with every change.
    version: i64,
    clients: HashMap<String, Arc<RegisteredClient>>,
    /// The origins of the redirect URIs of public clients.
    public_origins: HashSet<RedirectOrigin>,
    /// The number of rows that this version cannot read. Those clients are unknown here; the others are served.
    unreadable: usize,
}

impl Snapshot {
    /// Reads all clients, or returns `before` if nothing changed since. Check and read are one transaction.
    pub(super) fn read(
        conn: &mut DbConnection,
        before: Option<&Arc<Self>>,
    ) -> Result<Arc<Self>, DatabaseError> {
        let version = clients::version(conn)?;
        if let Some(before) = before.filter(|before| before.version == version) {
            return Ok(Arc::clone(before));
        }
        let mut secrets: HashMap<String, Vec<_>> = HashMap::new();
        let stored = client_secrets::all(conn)?;
        let listed = clients::all(conn)?;
        let unreadable = stored.unreadable.len() + listed.unreadable.len();
        // Each version is read once, so an unreadable row is logged once per change.
        for (client_id, secret) in stored.or_log("client_secrets") {
            secrets.entry(client_id).or_default().push(secret);
        }
        let clients = listed.or_log("clients").into_iter().map(|client| {
            let id = client.id.to_string();
            let secrets = secrets.remove(&id).unwrap_or_default();
            (id, Arc::new(RegisteredClient { client, secrets }))
        });
        let clients: HashMap<_, Arc<RegisteredClient>> = clients.collect();
        let public = clients.values().map(|registered| &registered.client).filter(|client| client.is_public);
        let public_origins = public.flat_map(|client| &client.redirect_uris).filter_map(RedirectUri::origin);
        Ok(Arc::new(Self { version, public_origins: public_origins.collect(), clients, unreadable }))
    }

    pub(super) fn has_public_origin(&self, origin: &str) -> bool {
        RedirectOrigin::parse(origin).is_some_and(|origin| self.public_origins.contains(&origin))
    }

    pub(super) fn find(&self, id: &str) -> Option<Arc<RegisteredClient>> {
        self.clients.get(id).cloned()
    }

    pub(super) fn len(&self) -> usize {
        self.clients.len()
    }

    pub(super) fn unreadable(&self) -> usize {
        self.unreadable
    }
}
