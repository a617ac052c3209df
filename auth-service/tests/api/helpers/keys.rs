//! Helpers to change and read the service's signing keys, as commands do.

use std::sync::Arc;

use auth_service::config::Settings;
use auth_service::keys::{MasterKey, Rotation, Sealer, SigningKey, stored_keys};
use auth_service::random::Random;
use auth_service::startup::key_settings;
use auth_service::storage::UnitOfWork;
use auth_service::storage::signing_keys::SigningKeyRow;
use serde_json::Value;
use service_kit::database::Database;
use shared_claims::clock::SharedClock;

use super::{ENCRYPTION_KEY, TestApp};

impl TestApp {
    pub(crate) fn sealer() -> Sealer {
        Sealer::new(&MasterKey::parse(ENCRYPTION_KEY).unwrap(), Random::system()).unwrap()
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The use cases with which `auth-service keys` changes keys.
    pub(crate) fn rotation(&self) -> Rotation {
        self.rotation_on(&self.database)
    }

    /// The same use cases on this database pool.
    pub(crate) fn rotation_on(&self, database: &Database) -> Rotation {
        self.rotation_by(database, Self::sealer())
    }

    /// The same use cases with other encryption keys.
    pub(crate) fn rotation_sealing_with(&self, current: &str, others: &[&str]) -> Rotation {
        let master = |key: &str| MasterKey::parse(key).unwrap();
        let sealer = Sealer::new(&master(current), Random::system()).unwrap();
        let sealer = others.iter().fold(sealer, |sealer, key| sealer.opening(&master(key)).unwrap());
        self.rotation_by(&self.database, sealer)
    }

    fn rotation_by(&self, database: &Database, sealer: Sealer) -> Rotation {
        let clock = Arc::clone(&self.clock) as SharedClock;
        let settings = key_settings(&self.settings);
        let unit_of_work = UnitOfWork::new(database.clone(), clock, Random::system());
        Rotation::new(unit_of_work, Arc::new(sealer), settings)
    }

    pub(crate) async fn stored_keys(&self) -> Vec<SigningKeyRow> {
        stored_keys(&self.database).await.unwrap()
    }

    /// The ids of the keys in this state, oldest first.
    pub(crate) async fn kids(&self, state: &str) -> Vec<String> {
        let rows = self.stored_keys().await.into_iter();
        rows.filter(|row| row.state == state).map(|row| row.kid).collect()
    }

    /// The key in this state, to sign tokens that the service would not sign.
    pub(crate) async fn signing_key(&self, state: &str) -> SigningKey {
        let rows = self.stored_keys().await;
        SigningKey::open(rows.iter().find(|row| row.state == state).unwrap(), &Self::sealer()).unwrap()
    }

    /// The ids of the published keys.
    pub(crate) async fn published(&self) -> Vec<String> {
        let set: Value = self.get("/.well-known/jwks.json").send().await.unwrap().json().await.unwrap();
        set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    }
}
