//! Builds the components that the server and the commands have in common.

use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use super::settings::{
    account_policy, client_settings, counter_store, cut_rules, hash_settings, key_settings,
    outbound_settings, outbound_to_configured_urls, password_rules, session_limits, throttle_rules,
};
use crate::accounts::{self, AccountParts, Accounts, LetterParts, Letters};
use crate::audit::Refusals;
use crate::backchannel::{LogoutTokenParts, LogoutTokens};
use crate::clients::{self, ClientParts, Clients};
use crate::config::Settings;
use crate::domain::Initiator;
use crate::keys::{KeyStore, KeysError, MasterKey, Rotation, Sealer, SecretName};
use crate::keys::{ensure_secret, has_sealed_values};
use crate::mail::{MailParts, Mailer, Mails};
use crate::outbound::Outbound;
use crate::passwords::{BreachCheck, PasswordPolicy, Passwords};
use crate::queue::Handler;
use crate::seal::Seals;
use crate::sign_in::{SignInParts, SignIns};
use crate::storage::UnitOfWork;
use crate::throttle::{Throttle, ThrottleParts};
use crate::tokens::Tokens;

/// Builds components from the settings and a unit of work.
#[derive(Clone, Copy)]
pub(crate) struct Components<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) unit_of_work: &'a UnitOfWork,
}

impl Components<'_> {
    /// The encryption keys: the current one, and then the others that can decrypt.
    pub(crate) async fn encryption_keys(self) -> Result<(MasterKey, Vec<MasterKey>), KeysError> {
        let Self { settings, unit_of_work } = self;
        let random = unit_of_work.random();
        let current = if let Some(key) = &settings.keys.encryption_key {
            MasterKey::parse(key.expose())?
        } else {
            let may_create = !has_sealed_values(unit_of_work.database()).await?;
            MasterKey::from_file(&settings.keys.master_key_path, may_create, random)?
        };
        let previous = settings.keys.previous_encryption_keys.iter();
        let previous = previous.map(|key| MasterKey::parse(key.expose())).collect::<Result<_, _>>()?;
        Ok((current, previous))
    }

    /// Opens what encrypts the secrets in the database.
    pub(crate) async fn sealer(self) -> Result<Sealer, KeysError> {
        let (current, previous) = self.encryption_keys().await?;
        let sealer = Sealer::new(&current, self.unit_of_work.random().clone())?;
        previous.iter().try_fold(sealer, Sealer::opening)
    }

    /// Seals what pages carry, under the same encryption keys.
    pub(crate) async fn seals(self) -> Result<Seals, KeysError> {
        let (current, previous) = self.encryption_keys().await?;
        let keys = std::iter::once(&current).chain(&previous).map(MasterKey::bytes);
        Seals::new(keys, self.unit_of_work.random().clone()).map_err(|_| KeysError::Crypto)
    }

    /// Reads a secret of the server. The first start makes it.
    pub(crate) async fn secret(
        self,
        sealer: &Sealer,
        name: SecretName,
    ) -> Result<Zeroizing<[u8; 32]>, KeysError> {
        let (database, random) = (self.unit_of_work.database(), self.unit_of_work.random());
        ensure_secret(database, sealer, random, self.unit_of_work.clock().as_ref(), name).await
    }

    /// The password hashing pool.
    pub(crate) fn passwords(self, pepper: &[u8; 32]) -> Passwords {
        Passwords::new(pepper, hash_settings(self.settings), self.unit_of_work.random().clone())
    }

    /// The throttle.
    pub(crate) fn throttle(self, key: &[u8; 32]) -> Throttle {
        let unit_of_work = self.unit_of_work;
        Throttle::new(ThrottleParts {
            rules: throttle_rules(self.settings),
            store: Some(counter_store(self.settings, unit_of_work.database())),
            max_counters: self.settings.throttle.max_counters,
            key: *key,
            clock: Arc::clone(unit_of_work.clock()),
            random: unit_of_work.random().clone(),
        })
    }

    /// How long the first lock of an account lasts.
    pub(crate) fn first_lock(self) -> Duration {
        Duration::from_secs(self.settings.throttle.lock_seconds)
    }

    /// The rules for new passwords.
    pub(crate) fn password_policy(self, passwords: Passwords) -> PasswordPolicy {
        let breaches = self
            .settings
            .passwords
            .breach_check()
            .map(|url| BreachCheck::new(Outbound::new(outbound_to_configured_urls()), url));
        PasswordPolicy::new(passwords, password_rules(self.settings), breaches)
    }

    /// The use cases for changing the signing keys.
    pub(crate) fn rotation(self, sealer: Arc<Sealer>) -> Rotation {
        Rotation::new(self.unit_of_work.clone(), sealer, key_settings(self.settings))
    }

    /// The use cases around users.
    pub(crate) fn accounts(self, passwords: Passwords, throttle: Throttle, refusals: Refusals) -> Accounts {
        Accounts::new(AccountParts {
            unit_of_work: self.unit_of_work.clone(),
            password_policy: self.password_policy(passwords.clone()),
            passwords,
            throttle,
            first_lock: self.first_lock(),
            refusals,
            policy: account_policy(self.settings),
            cuts: cut_rules(self.settings),
        })
    }

    /// The OAuth clients, and the use cases for managing them.
    pub(crate) fn clients(self) -> (Clients, clients::Administration) {
        let (database, clock) = (self.unit_of_work.database().clone(), Arc::clone(self.unit_of_work.clock()));
        let clients = Clients::new(ClientParts { database, clock });
        let settings = client_settings(self.settings);
        let administration =
            clients::Administration::new(self.unit_of_work.clone(), clients.clone(), settings);
        (clients, administration)
    }

    /// The use cases of signing in on pages.
    pub(crate) fn sign_ins(self, clients: &Clients, tokens: &Tokens, keys: &KeyStore) -> SignIns {
        SignIns::new(SignInParts {
            unit_of_work: self.unit_of_work.clone(),
            clients: clients.clone(),
            tokens: tokens.clone(),
            keys: keys.clone(),
            limits: session_limits(&self.settings.sessions),
        })
    }

    /// The handlers of the queue.
    pub(crate) fn handlers(self, keys: &KeyStore, mailer: Arc<Mailer>) -> Vec<Arc<dyn Handler>> {
        vec![Arc::new(self.logout_tokens(keys)), Arc::new(self.mails(mailer))]
    }

    /// The handler that sends mails.
    fn mails(self, mailer: Arc<Mailer>) -> Mails {
        let (settings, unit_of_work) = (self.settings, self.unit_of_work);
        let throttle = &settings.throttle;
        let letters = Letters::new(LetterParts {
            unit_of_work: unit_of_work.clone(),
            issuer: settings.issuer.clone(),
            per_mailbox_per_hour: throttle.enabled.then_some(throttle.mails_per_mailbox_per_hour),
        });
        Mails::new(MailParts { mailer, source: Arc::new(letters), clock: Arc::clone(unit_of_work.clock()) })
    }

    /// The handler that sends logout tokens.
    fn logout_tokens(self, keys: &KeyStore) -> LogoutTokens {
        let unit_of_work = self.unit_of_work;
        LogoutTokens::new(LogoutTokenParts {
            database: unit_of_work.database().clone(),
            clock: Arc::clone(unit_of_work.clock()),
            random: unit_of_work.random().clone(),
            keys: keys.clone(),
            outbound: Outbound::new(outbound_settings(self.settings)),
            issuer: self.settings.issuer.clone(),
        })
    }

    /// The use cases for managing users.
    pub(crate) fn users(self, initiator: Initiator) -> accounts::Administration {
        accounts::Administration::new(self.unit_of_work.clone(), cut_rules(self.settings), initiator)
    }
}
