//! All clients, as the database had them at one moment.

use std::collections::HashMap;
use std::sync::Arc;

use diesel::QueryResult;
use service_kit::database::DbConnection;

use super::RegisteredClient;
use crate::storage::{client_secrets, clients};

/// One reading of the tables.
#[derive(Default)]
pub(super) struct Snapshot {
    /// The number that every change moves.
    version: i64,
    clients: HashMap<String, Arc<RegisteredClient>>,
}

impl Snapshot {
    /// Reads all, unless nothing changed since `before` was read. Both in one transaction.
    pub(super) fn read(conn: &mut DbConnection, before: Option<&Arc<Self>>) -> QueryResult<Arc<Self>> {
        let version = clients::version(conn)?;
        if let Some(before) = before.filter(|before| before.version == version) {
            return Ok(Arc::clone(before));
        }
        let mut secrets: HashMap<String, Vec<_>> = HashMap::new();
        for (client_id, secret) in client_secrets::all(conn)? {
            secrets.entry(client_id).or_default().push(secret);
        }
        let clients = clients::all(conn)?.into_iter().map(|client| {
            let id = client.id.to_string();
            let secrets = secrets.remove(&id).unwrap_or_default();
            (id, Arc::new(RegisteredClient { client, secrets }))
        });
        Ok(Arc::new(Self { version, clients: clients.collect() }))
    }

    pub(super) fn find(&self, id: &str) -> Option<Arc<RegisteredClient>> {
        self.clients.get(id).cloned()
    }

    pub(super) fn len(&self) -> usize {
        self.clients.len()
    }
}
