//! Creates and updates the clients that the configuration declares.

use super::change::RegistryChange;
use super::{Administration, AdministrationError};
use crate::clients::{ClientMetadata, CurrentMetadata};
use crate::domain::{AuditKind, Client, ClientId, ClientSecretHash};
use crate::storage::{client_secrets, clients};

/// A client that the configuration declares.
#[derive(Clone, Debug)]
pub struct ClientDeclaration {
    /// Its `client_id`.
    pub id: ClientId,
    /// Its metadata, with every property given.
    pub metadata: ClientMetadata,
    /// Its secret; `None` for a public client.
    pub secret: Option<DeclaredSecret>,
}

/// The secret of a declared client.
#[derive(Clone, Debug)]
pub struct DeclaredSecret {
    /// The hash.
    pub hash: ClientSecretHash,
    /// How long the previous secret stays valid, in seconds.
    pub keep_old_s: i64,
}

impl Administration {
    /// Makes the clients match the declaration. A client that matches already is not touched, so replicas that start
    /// at the same time, or again, change nothing more. Whether a client is enabled is not declared, and is left as
    /// it is. A client that is no longer declared is left as it is, with a warning in the log.
    pub async fn declare(&self, declared: Vec<ClientDeclaration>) -> Result<(), AdministrationError> {
        let access_ttl_s = self.inner.settings.access_ttl_s;
        let committed = self.change(move |change| {
            clients::raise_longest_access_ttl(change.conn(), access_ttl_s)?;
            for client in &declared {
                declare(change, client)?;
            }
            let undeclared = clients::all(change.conn())?.or_log("clients").into_iter().filter(|client| {
                client.is_declared && !declared.iter().any(|declared| declared.id == client.id)
            });
            Ok(undeclared.map(|client| client.id).collect::<Vec<_>>())
        });
        let undeclared = committed.await?.value;
        for id in undeclared {
            tracing::warn!(
                client_id = %id,
                "a declared client is no more in the configuration: it stays as it is, until it is changed or deleted by command"
            );
        }
        Ok(())
    }
}

fn declare(
    change: &mut RegistryChange<'_, '_>,
    declared: &ClientDeclaration,
) -> Result<(), AdministrationError> {
    let id = declared.id.as_str();
    let Some(before) = clients::find(change.conn(), id)? else {
        let blank = Client { is_declared: true, ..Client::blank(declared.id.clone(), change.now_ms) };
        change.insert(&declared.metadata.apply(&blank)?)?;
        if let Some(secret) = &declared.secret {
            change.set_secret(id, &secret.hash, 0)?;
        }
        change.record(AuditKind::ClientCreated, id, |event| event.reason("declared"));
        return Ok(());
    };
    let client = Client { is_declared: true, ..declared.metadata.apply(&before)? };
    if client != before {
        change.update(&client)?;
    }
    if let Some(names) = CurrentMetadata::of(&client).changed_from(&CurrentMetadata::of(&before)) {
        change.record(AuditKind::ClientUpdated, id, |event| event.subject(names).reason("declared"));
    }
    match &declared.secret {
        None => Ok(client_secrets::delete_all(change.conn(), id)?),
        Some(secret) => declare_secret(change, id, secret),
    }
}

/// Makes the declared secret the current one, if it is not already.
fn declare_secret(
    change: &mut RegistryChange<'_, '_>,
    id: &str,
    declared: &DeclaredSecret,
) -> Result<(), AdministrationError> {
    let secrets = client_secrets::of_client(change.conn(), id)?;
    let mut current = secrets.iter().filter(|secret| secret.expires_at_ms.is_none());
    if current.any(|secret| secret.hash == declared.hash) {
        return Ok(());
    }
    change.set_secret(id, &declared.hash, declared.keep_old_s)?;
    change.record(AuditKind::ClientSecretRotated, id, |event| event.reason("declared"));
    Ok(())
}
