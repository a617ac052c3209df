//! The context of commands: the same database, secrets and Redis as the servers use, which may be running at the same
//! time.

use std::sync::Arc;

use service_kit::database::Database;
use service_kit::telemetry::{self, Log, LogSettings};
use shared_claims::clock::SharedClock;

use super::Failure;
use crate::accounts::{Administration, AdministrationParts};
use crate::clients::{self, ClientParts, Clients};
use crate::config::Settings;
use crate::domain::{Origin, Password, PasswordHash, PasswordRules};
use crate::keys::{Rotation, Sealer, SecretName, agree_on_database_id, agree_on_secret};
use crate::passwords::Passwords;
use crate::random::Random;
use crate::revocation::Revocations;
use crate::startup::{self, StartError, World};

pub(super) struct Context {
    settings: Settings,
    pub(super) database: Database,
    pub(super) clock: SharedClock,
    random: Random,
    _log: Log,
}

impl Context {
    /// Opens the database, whose schema must be up to date: only `serve` and `migrate` change it.
    pub(super) async fn open(settings: Settings) -> Result<Self, Failure> {
        let log = telemetry::init(&log_of_a_command(&settings.log))?;
        let database = startup::open_for_command(&settings).await.map_err(StartError::from)?;
        let World { clock, random, .. } = World::system();
        Ok(Self { settings, database, clock, random, _log: log })
    }

    /// The sealer for the secrets in the database.
    pub(super) async fn sealer(&self) -> Result<Arc<Sealer>, Failure> {
        Ok(Arc::new(startup::open_sealer(&self.settings, &self.database, &self.random).await?))
    }

    /// The use cases for changing the signing keys.
    pub(super) async fn rotation(&self) -> Result<Rotation, Failure> {
        let settings = startup::key_settings(&self.settings);
        let (database, clock) = (self.database.clone(), Arc::clone(&self.clock));
        let rotation = Rotation::new(database, self.sealer().await?, self.random.clone(), clock, settings);
        Ok(rotation.caused_by(Origin::operator()))
    }

    /// The use cases for managing users. They need no encryption key.
    pub(super) fn administration(&self) -> Administration {
        Administration::new(AdministrationParts {
            database: self.database.clone(),
            clock: Arc::clone(&self.clock),
            random: self.random.clone(),
            cuts: startup::cut_rules(&self.settings),
            origin: Origin::operator(),
        })
    }

    /// The rules for new passwords.
    pub(super) fn password_rules(&self) -> PasswordRules {
        startup::password_rules(&self.settings)
    }

    /// Hashes a new password.
    pub(super) async fn hash(&self, password: Password) -> Result<PasswordHash, Failure> {
        let sealer = self.sealer().await?;
        let (random, name) = (self.random.clone(), SecretName::PasswordPepper);
        let pepper = agree_on_secret(&self.database, &sealer, &random, self.clock.as_ref(), name).await?;
        Ok(Passwords::new(&pepper, startup::hash_settings(&self.settings), random).hash(password).await?)
    }

    /// The use cases for managing clients.
    pub(super) fn clients(&self) -> clients::Administration {
        let (database, clock) = (self.database.clone(), Arc::clone(&self.clock));
        let clients = Clients::new(ClientParts { database, clock });
        let administration = clients::Administration::new(clients::AdministrationParts {
            clients,
            database: self.database.clone(),
            clock: Arc::clone(&self.clock),
            random: self.random.clone(),
            settings: startup::client_settings(&self.settings),
        });
        administration.caused_by(Origin::operator())
    }

    /// Refuses a client that the configuration declares: the next start would undo the change.
    pub(super) fn must_not_be_declared(&self, id: &str) -> Result<(), Failure> {
        if self.settings.clients.iter().any(|declared| declared.id == id) {
            return Err(format!("{id} is declared in the configuration: change it there, and restart").into());
        }
        Ok(())
    }

    /// Delivers a committed revocation fact to Redis. If that fails, the command only logs a warning: a server that
    /// is running, or the next one to start, delivers the fact.
    pub(super) async fn announce(&self, seq: i64) -> Result<(), Failure> {
        let Some(projection) = startup::projection(&self.settings) else { return Ok(()) };
        let database_id = agree_on_database_id(&self.database, &self.random).await?;
        let (database, clock) = (self.database.clone(), Arc::clone(&self.clock));
        let started =
            Revocations::start(database, database_id, Some(projection), clock, self.random.clone()).await;
        let revocations = match started {
            Ok(revocations) => revocations,
            Err(error) => {
                tracing::warn!(%error, "revocation.not_announced");
                return Ok(());
            }
        };
        revocations.announce(seq).await;
        if revocations.status().is_none_or(|status| status.delivered < seq) {
            tracing::warn!(error = "Redis does not have it yet", "revocation.not_announced");
        }
        revocations.stop().await;
        Ok(())
    }
}

/// Logs warnings and errors only, since the operator reads the output of the command.
fn log_of_a_command(settings: &LogSettings) -> LogSettings {
    let quieter = ["error", "off"].contains(&settings.level.as_str());
    let level = if quieter { settings.level.clone() } else { "warn".to_owned() };
    LogSettings { level, format: settings.format }
}
