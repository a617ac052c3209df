//! The keys behind the service, as a command sees them.

use std::sync::Arc;

use auth_service::config::Settings;
use auth_service::keys::{MasterKey, Rotation, Sealer, SigningKey, stored_keys};
use auth_service::random::Random;
use auth_service::startup::key_settings;
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

    /// What `auth-service keys` changes keys with.
    pub(crate) fn rotation(&self) -> Rotation {
        self.rotation_on(&self.database)
    }

    /// The same over a pool of its own.
    pub(crate) fn rotation_on(&self, database: &Database) -> Rotation {
        self.rotation_by(database, Self::sealer())
    }

    /// The same under other encryption keys.
    pub(crate) fn rotation_sealing_with(&self, current: &str, others: &[&str]) -> Rotation {
        let master = |key: &str| MasterKey::parse(key).unwrap();
        let sealer = Sealer::new(&master(current), Random::system()).unwrap();
        let sealer = others.iter().fold(sealer, |sealer, key| sealer.opening(&master(key)).unwrap());
        self.rotation_by(&self.database, sealer)
    }

    fn rotation_by(&self, database: &Database, sealer: Sealer) -> Rotation {
        let clock = Arc::clone(&self.clock) as SharedClock;
        let settings = key_settings(&self.settings);
        Rotation::new(database.clone(), Arc::new(sealer), Random::system(), clock, settings)
    }

    pub(crate) async fn stored_keys(&self) -> Vec<SigningKeyRow> {
        stored_keys(&self.database).await.unwrap()
    }

    /// Ids of the keys in that state, oldest first.
    pub(crate) async fn kids(&self, state: &str) -> Vec<String> {
        let rows = self.stored_keys().await.into_iter();
        rows.filter(|row| row.state == state).map(|row| row.kid).collect()
    }

    /// The key in that state, to sign what the service would not.
    pub(crate) async fn signing_key(&self, state: &str) -> SigningKey {
        let rows = self.stored_keys().await;
        SigningKey::open(rows.iter().find(|row| row.state == state).unwrap(), &Self::sealer()).unwrap()
    }

    /// Ids of the published keys.
    pub(crate) async fn published(&self) -> Vec<String> {
        let set: Value = self.get("/.well-known/jwks.json").send().await.unwrap().json().await.unwrap();
        set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    }
}
