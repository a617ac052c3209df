//! The server's secrets and the id of the database. The first start creates them; replicas that start at the same time
//! get the same values.

use service_kit::database::Database;
use shared_claims::clock::Clock;
use zeroize::Zeroizing;

use super::{KeysError, Sealed, Sealer};
use crate::random::Random;
use crate::storage::secrets::SecretRow;
use crate::storage::{meta, secrets, signing_keys};

/// The names of the server's secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretName {
    /// The HMAC key for the pre-hash of passwords.
    PasswordPepper,
    /// The key from which child refresh tokens are derived.
    RefreshDerivation,
    /// The key under which the throttle hashes names and addresses.
    Throttle,
}

impl SecretName {
    fn as_str(self) -> &'static str {
        match self {
            Self::PasswordPepper => "password-pepper",
            Self::RefreshDerivation => "refresh-derivation",
            Self::Throttle => "throttle",
        }
    }
}

/// Returns the id of this database, which is created at the first start.
pub async fn ensure_database_id(database: &Database, random: &Random) -> Result<String, KeysError> {
    let candidate = random.uuid().to_string();
    database.write(move |conn| Ok(meta::ensure_database_id(conn, &candidate)?)).await
}

/// Whether the database contains any encrypted value.
pub async fn has_sealed_values(database: &Database) -> Result<bool, KeysError> {
    database
        .read(|conn| {
            let pepper = secrets::find(conn, SecretName::PasswordPepper.as_str())?;
            Ok(pepper.is_some() || !signing_keys::all(conn)?.is_empty())
        })
        .await
}

/// Returns the secret with this name, which is created at the first start.
pub async fn ensure_secret(
    database: &Database,
    sealer: &Sealer,
    random: &Random,
    clock: &dyn Clock,
    name: SecretName,
) -> Result<Zeroizing<[u8; 32]>, KeysError> {
    let name = name.as_str();
    let candidate = Zeroizing::new(random.bytes::<32>());
    let Sealed { ciphertext, key_id } = sealer.seal(name, candidate.as_slice())?;
    let candidate = SecretRow { name: name.to_owned(), ciphertext, key_id, created_at_ms: clock.now_ms() };
    let row = database
        .write(move |conn| {
            meta::lock(conn)?;
            if let Some(row) = secrets::find(conn, name)? {
                return Ok(row);
            }
            secrets::insert(conn, &candidate)?;
            Ok::<_, KeysError>(candidate.clone())
        })
        .await?;
    let plain = sealer.open(name, &row.key_id, &row.ciphertext)?;
    let mut secret = Zeroizing::new([0; 32]);
    if plain.len() != secret.len() {
        return Err(KeysError::Damaged(name.to_owned()));
    }
    secret.copy_from_slice(&plain);
    Ok(secret)
}
