//! Seals anew what another encryption key sealed.

use std::sync::Arc;

use service_kit::database::Database;

use super::{KeyEvent, KeysError, Sealed, Sealer};
use crate::storage::{secrets, signing_keys};

/// How many values were sealed anew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reencrypted {
    /// Server secrets.
    pub secrets: usize,
    /// Signing keys, by id.
    pub signing_keys: Vec<String>,
}

/// Opens every value that another key sealed and seals it under the current one: a transaction for each, so servers go
/// on, and whoever is killed or runs beside another does nothing twice. What else is kept sealed belongs here.
pub async fn reencrypt(database: &Database, sealer: &Arc<Sealer>) -> Result<Reencrypted, KeysError> {
    let mut done = Reencrypted::default();
    let rows = database.read(|conn| secrets::all(conn).map_err(KeysError::from)).await?;
    for row in rows.into_iter().filter(|row| !sealer.is_current(&row.key_id)) {
        let renewed = anew(sealer, &row.name, &row.key_id, &row.ciphertext)?;
        let resealed = database.write(move |conn| {
            let Sealed { ciphertext, key_id } = renewed;
            secrets::reseal(conn, &row.name, &row.key_id, &ciphertext, &key_id).map_err(KeysError::from)
        });
        done.secrets += usize::from(resealed.await?);
    }
    for row in super::stored_keys(database).await? {
        if sealer.is_current(&row.key_id) {
            continue;
        }
        let kid = row.kid.clone();
        let renewed = anew(sealer, &row.kid, &row.key_id, &row.private_key)?;
        let resealed = database.write(move |conn| {
            let Sealed { ciphertext, key_id } = renewed;
            signing_keys::reseal(conn, &row.kid, &row.key_id, &ciphertext, &key_id).map_err(KeysError::from)
        });
        if resealed.await? {
            done.signing_keys.push(kid);
        }
    }
    let values = done.secrets + done.signing_keys.len();
    if values > 0 {
        KeyEvent::Resealed { values }.emit();
    }
    Ok(done)
}

fn anew(sealer: &Sealer, name: &str, key_id: &str, ciphertext: &[u8]) -> Result<Sealed, KeysError> {
    let plain = sealer.open(name, key_id, ciphertext)?;
    sealer.seal(name, &plain)
}
