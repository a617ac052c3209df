//! Encrypts anew every value that another encryption key encrypted.

use service_kit::database::DbConnection;

use super::{KeyEvent, KeysError, Rotation, Sealed, Sealer};
use crate::storage::{secrets, signing_keys};

/// The values that were encrypted anew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reencrypted {
    /// The number of server secrets.
    pub secrets: usize,
    /// The ids of the signing keys.
    pub signing_keys: Vec<String>,
}

impl Rotation {
    /// Decrypts every value that another key encrypted, and encrypts it with the current one. Each value has a
    /// transaction of its own, so servers keep working, and a command that is killed or runs twice repeats nothing.
    /// Any further kind of encrypted value has to be added here.
    pub async fn reencrypt(&self) -> Result<Reencrypted, KeysError> {
        let (database, sealer) = (self.inner.unit_of_work.database(), &self.inner.sealer);
        let mut done = Reencrypted::default();
        let rows = database.read(|conn| secrets::all(conn).map_err(KeysError::from)).await?;
        for row in rows.into_iter().filter(|row| !sealer.is_current(&row.key_id)) {
            let Sealed { ciphertext, key_id } = anew(sealer, &row.name, &row.key_id, &row.ciphertext)?;
            let resealed = self.reseal(row.name.clone(), move |conn| {
                Ok(secrets::reseal(conn, &row.name, &row.key_id, &ciphertext, &key_id)?)
            });
            done.secrets += usize::from(resealed.await?);
        }
        for row in super::stored_keys(database).await? {
            if sealer.is_current(&row.key_id) {
                continue;
            }
            let kid = row.kid.clone();
            let Sealed { ciphertext, key_id } = anew(sealer, &row.kid, &row.key_id, &row.private_key)?;
            let resealed = self.reseal(kid.clone(), move |conn| {
                Ok(signing_keys::reseal(conn, &row.kid, &row.key_id, &ciphertext, &key_id)?)
            });
            if resealed.await? {
                done.signing_keys.push(kid);
            }
        }
        Ok(done)
    }

    /// Replaces one value, if it is still the one that was decrypted, and writes the audit event. Returns whether it
    /// was replaced.
    async fn reseal(
        &self,
        name: String,
        store: impl Fn(&mut DbConnection) -> Result<bool, KeysError> + Send + 'static,
    ) -> Result<bool, KeysError> {
        let event = KeyEvent::Resealed { name }.audit(&self.initiator);
        let resealed = self.inner.unit_of_work.commit(move |transaction| {
            let resealed = store(transaction.conn())?;
            if resealed {
                transaction.record(event.clone());
            }
            Ok::<_, KeysError>(resealed)
        });
        Ok(resealed.await?.value)
    }
}

fn anew(sealer: &Sealer, name: &str, key_id: &str, ciphertext: &[u8]) -> Result<Sealed, KeysError> {
    let plain = sealer.open(name, key_id, ciphertext)?;
    sealer.seal(name, &plain)
}
