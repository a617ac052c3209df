//! The context of commands: the same database, secrets and Redis as the servers use, which may be running at the same
//! time.

use std::sync::Arc;

use service_kit::database::Database;
use service_kit::telemetry::{self, Log, LogSettings};
use shared_claims::clock::SharedClock;

use super::Failure;
use crate::accounts::Administration;
use crate::clients;
use crate::config::Settings;
use crate::domain::{Initiator, LinkToken, PasswordHash};
use crate::keys::{Rotation, SecretName};
use crate::mail::{self, LinkTarget};
use crate::passwords::PasswordOwner;
use crate::restore::AfterRestore;
use crate::startup::{self, Components, StartError, World};
use crate::storage::{self, UnitOfWork};

pub(super) struct Context {
    settings: Settings,
    pub(super) database: Database,
    pub(super) clock: SharedClock,
    pub(super) unit_of_work: UnitOfWork,
    _log: Arc<Log>,
}

impl Context {
    /// Opens the database, whose schema must be up to date: only `serve` and `migrate` change it.
    pub(super) async fn open(settings: Settings) -> Result<Self, Failure> {
        let log = Self::log(&settings)?;
        Self::of(settings, log).await
    }

    /// The log of a command. A process has one, whatever it opens.
    pub(super) fn log(settings: &Settings) -> Result<Arc<Log>, Failure> {
        Ok(Arc::new(telemetry::init(&command_log_settings(&settings.log))?))
    }

    /// Opens the database, for a command that has its log already.
    pub(super) async fn of(settings: Settings, log: Arc<Log>) -> Result<Self, Failure> {
        let database = startup::open_for_command(&settings).await.map_err(StartError::from)?;
        let World { clock, random, .. } = World::system();
        let unit_of_work =
            startup::unit_of_work_of_a_command(&settings, database.clone(), Arc::clone(&clock), random);
        Ok(Self { settings, database, clock, unit_of_work, _log: log })
    }

    fn components(&self) -> Components<'_> {
        Components { settings: &self.settings, unit_of_work: &self.unit_of_work }
    }

    /// The use cases for changing the signing keys.
    pub(super) async fn rotation(&self) -> Result<Rotation, Failure> {
        let sealer = Arc::new(self.components().sealer().await?);
        Ok(self.components().rotation(sealer).caused_by(Initiator::operator()))
    }

    /// The use case of `after-restore`. Fails if the encryption key is not that of the database, or if a newer release made the
    /// schema.
    pub(super) async fn after_restore(
        &self,
        progress: Arc<dyn Fn(&str) + Send + Sync>,
        known_id: Option<String>,
    ) -> Result<AfterRestore, Failure> {
        self.database.refuse_newer_schema(storage::migrations()).await.map_err(StartError::from)?;
        let sealer = self.components().sealer().await?;
        self.components().secret(&sealer, SecretName::PasswordPepper).await?;
        Ok(AfterRestore {
            unit_of_work: self.unit_of_work.clone(),
            rotation: self.rotation().await?,
            clock_skew_ms: self.settings.revocation.clock_skew_ms,
            known_id,
            initiator: Initiator::operator(),
            progress,
        })
    }

    /// Delivers every fact to Redis, if there is one.
    pub(super) async fn deliver_revocations(&self) {
        startup::deliver_revocations(&self.settings, &self.unit_of_work).await;
    }

    /// The id of the database whose facts Redis has, if there is one.
    pub(super) async fn database_in_redis(&self) -> Option<String> {
        startup::database_in_redis(&self.settings).await
    }

    /// The use cases for managing users. They need no encryption key.
    pub(super) fn users(&self) -> Administration {
        self.components().users(Initiator::operator())
    }

    /// Checks a new password against the rules, and hashes it.
    pub(super) async fn check_and_hash(
        &self,
        text: &str,
        owner: PasswordOwner<'_>,
    ) -> Result<PasswordHash, Failure> {
        let sealer = self.components().sealer().await?;
        let pepper = self.components().secret(&sealer, SecretName::PasswordPepper).await?;
        let passwords = self.components().passwords(&pepper);
        let checked = self.components().password_policy(passwords.clone()).check(text, owner).await?;
        let password = checked.map_err(|rule| format!("the password {rule}"))?;
        Ok(passwords.hash(password).await?)
    }

    /// Whether a transport for mail is configured.
    pub(super) fn sends_mail(&self) -> bool {
        startup::sends_mail(&self.settings)
    }

    /// The link of an invitation.
    pub(super) fn invitation_link(&self, token: &LinkToken) -> String {
        mail::link(&self.settings.issuer, LinkTarget::Register, token.expose())
    }

    /// The use cases for managing clients.
    pub(super) fn clients(&self) -> clients::Administration {
        let (_, administration) = self.components().clients();
        administration.caused_by(Initiator::operator())
    }

    /// Refuses a client that the configuration declares: the next start would undo the change.
    pub(super) fn ensure_not_declared(&self, id: &str) -> Result<(), Failure> {
        if self.settings.clients.iter().any(|declared| declared.id == id) {
            return Err(format!("{id} is declared in the configuration: change it there, and restart").into());
        }
        Ok(())
    }
}

/// Logs warnings and errors only, since the operator reads the output of the command.
fn command_log_settings(settings: &LogSettings) -> LogSettings {
    let is_quieter = ["error", "off"].contains(&settings.level.as_str());
    let level = if is_quieter { settings.level.clone() } else { "warn".to_owned() };
    LogSettings { level, format: settings.format }
}
