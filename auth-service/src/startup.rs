//! Builds the components and connects them. Only this module does.

mod components;
mod settings;
mod verifiers;
mod warnings;

use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use actix_web::web::ServiceConfig;
use service_kit::config::InvalidSetting;
use service_kit::database::{Database, DatabaseError};
use service_kit::metrics::Metrics;
use service_kit::server::{self, Service};
use shared_claims::actix::InvalidOrigin;
use shared_claims::clock::{SharedClock, SystemClock};
use shared_claims::scope::InvalidScope;
use shared_claims::verifier::BuildError;
use zeroize::Zeroizing;

pub(crate) use self::components::{Components, unit_of_work_of_a_command};
pub(crate) use self::settings::password_rules;
pub use self::settings::{cut_rules, key_settings, limits, prune_rules, session_limits};
use self::settings::{feed_access, page_settings, projection, scope_texts, token_settings};
use crate::accounts::{AccountParts, Accounts};
use crate::audit::{Recorder, Refusals};
use crate::clients::AdministrationError;
use crate::config::{Settings, read_clients};
use crate::http::revocations::Feed;
use crate::http::{
    self, ClientAuth, Cookies, HostedPages, HostedPagesParts, Metadata, PublishedMetadata, Services,
};
use crate::keys::{KeyStore, KeysError, SecretName, ensure_database_id};
use crate::maintenance::Maintenance;
use crate::pages::{PageError, Pages};
use crate::pruning::Pruner;
use crate::random::Random;
use crate::revocation::{self, Revocations};
use crate::sign_in::{SignInParts, SignIns};
use crate::storage::UnitOfWork;
use crate::tokens::{TokenParts, Tokens};
use crate::{observe, storage};

/// Why the service did not start. The message is one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database could not be opened or migrated.
    #[error("database.url: {0}")]
    Database(#[from] DatabaseError),
    /// The encryption key or the signing keys could not be opened.
    #[error("{0}")]
    Keys(#[from] KeysError),
    /// The declared clients could not be stored.
    #[error("clients: {0}")]
    Clients(#[from] AdministrationError),
    /// A declared client is not valid. Its secret's file may have changed since the settings were checked.
    #[error("{0}")]
    DeclaredClient(#[from] InvalidSetting),
    /// The projection of revocations, or the feed, did not start.
    #[error("{0}")]
    Revocation(#[from] revocation::StartError),
    /// A verifier of this service's own endpoints could not be built.
    #[error("{0}")]
    Verifier(#[from] BuildError),
    /// An origin that may use the cookies is not valid.
    #[error("http.cors_origins: {0}")]
    Origin(#[from] InvalidOrigin),
    /// The scope of first-party tokens is not valid.
    #[error("tokens.default_scope: {0}")]
    Scope(#[from] InvalidScope),
    /// A setting of the hosted pages, or a file that it names, cannot be used.
    #[error("{0}")]
    Pages(#[from] PageError),
    /// A metric could not be registered.
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// A listener could not be opened.
    #[error("{0}")]
    Listen(#[from] io::Error),
}

/// The clocks, the randomness and the listener of the service. Tests replace them.
pub struct World {
    /// The clocks.
    pub clock: SharedClock,
    /// Randomness.
    pub random: Random,
    /// Listens here instead of at `http.bind`.
    pub listener: Option<TcpListener>,
}

impl World {
    /// Those of the operating system.
    pub fn system() -> Self {
        Self { clock: Arc::new(SystemClock), random: Random::system(), listener: None }
    }
}

/// The service. Its listeners are open, and its background tasks run.
pub struct Application {
    server: server::Application,
    maintenance: Maintenance,
    revocations: Revocations,
    feed: revocation::feed::Feed,
}

impl Application {
    /// Opens and migrates the database, opens the keys (the first start creates them), starts the projection of
    /// revocations and the other background tasks, and opens the listeners.
    pub async fn build(settings: Settings, world: World) -> Result<Self, StartError> {
        warnings::log(&settings);
        let World { clock, random, listener } = world;
        let pages = pages(&settings)?;
        server::check_tls(&settings.http)?;
        let database = open(&settings).await?;
        let database_id = ensure_database_id(&database, &random).await?;
        let unit_of_work = UnitOfWork::new(database.clone(), clock.clone(), random.clone());
        let (keys, secrets) =
            open_keys(Components { settings: &settings, unit_of_work: &unit_of_work }).await?;

        let projection = projection(&settings);
        let feed =
            revocation::feed::Feed::start(&database, settings.revocation.feed_followers, clock.clone());
        let feed = feed.await?;
        let revocations =
            Revocations::start(database.clone(), database_id, projection, clock.clone(), random.clone())
                .await?
                .with_feed(feed.clone());
        let recorder = Recorder::new(random.clone(), clock.clone(), settings.throttle.enabled);
        let refusals = Refusals::new(database.clone(), recorder.clone());
        let unit_of_work = unit_of_work.with_audit_policy(recorder).announced_by(revocations.clone());
        let components = Components { settings: &settings, unit_of_work: &unit_of_work };
        let passwords = components.passwords(&secrets.pepper);
        let accounts = Accounts::new(AccountParts {
            unit_of_work: unit_of_work.clone(),
            passwords: passwords.clone(),
            refusals: refusals.clone(),
            password_rules: password_rules(&settings),
        });
        let token_settings = token_settings(&settings)?;
        let scopes: Vec<String> = token_settings.default_scope.iter().map(str::to_owned).collect();
        let pruner = Pruner::new(database.clone(), clock.clone(), &random, prune_rules(&settings));
        let tokens = Tokens::new(TokenParts {
            unit_of_work: unit_of_work.clone(),
            keys: keys.clone(),
            refresh_derivation: secrets.refresh_derivation,
            settings: token_settings,
        });

        let (clients, administration) = components.clients();
        administration.declare(read_clients(&settings.clients, &settings.tokens.audience)?).await?;

        let metrics = Metrics::new()?;
        metrics.watch_database(&database)?;
        observe::watch(&metrics, &passwords, &revocations)?;
        observe::watch_feed(&metrics, &feed)?;
        observe::watch_keys(&metrics, &keys, &clock)?;
        observe::watch_clients(&metrics, &clients)?;
        observe::watch_pruning(&metrics, &pruner)?;
        let health = observe::checks(&database, &keys, &revocations);
        let cookies = Cookies::new(&settings.cookie_rules(), settings.base_path());
        let sign_ins = SignIns::new(SignInParts {
            unit_of_work: unit_of_work.clone(),
            clients: clients.clone(),
            tokens: tokens.clone(),
            keys: keys.clone(),
            limits: session_limits(&settings.sessions),
        });
        let services = Services {
            accounts: accounts.clone(),
            tokens,
            client_auth: ClientAuth::new(clients, refusals, clock.clone()),
            issued: verifiers::issued(&settings, &database, &keys, clock.clone()).await?,
            keys: keys.clone(),
            bearer: verifiers::bearer(&settings, &database, &keys, clock.clone()).await?,
            browser: verifiers::browser(&settings, cookies.clone(), &keys, clock.clone()).await?,
            cookies,
            published: PublishedMetadata::new(
                &Metadata::of(&settings.issuer, scopes.iter()),
                settings.keys.jwks_max_age_seconds,
                settings.base_path(),
            )
            .map_err(io::Error::other)?,
            feed: Feed { feed: feed.clone(), access: feed_access(&settings) },
            pages: HostedPages::new(HostedPagesParts {
                pages,
                sign_ins,
                seals: components.seals().await?,
                accounts,
                scope_texts: scope_texts(&settings.scopes),
                cookies: &settings.cookie_rules(),
                issuer: &settings.issuer,
                base_path: settings.base_path(),
            }),
        };
        let service = Service {
            api: http::docs::document(scopes.into_iter(), settings.base_path()),
            token_origin: None,
            is_https: settings.issuer.starts_with("https://"),
            base_path: settings.base_path().to_owned(),
            http: settings.http,
            metrics_settings: settings.metrics,
            metrics,
            health,
            routes: move |config: &mut ServiceConfig| http::configure(config, &services),
        };
        let server = server::bind(service, listener)?;
        let maintenance = Maintenance::start(keys, pruner, administration);
        Ok(Self { server, maintenance, revocations, feed })
    }

    /// The port of the HTTP listener.
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// Serves until SIGTERM or SIGINT. After the signal, the process ends within `http.shutdown_seconds` and one second.
    pub async fn run_until_stopped(self) -> io::Result<()> {
        let stop = server::stop_signal(self.server.shutdown_timeout())?;
        self.run_until(stop).await
    }

    /// Serves until `stop` completes. Then finishes the requests and the background tasks that are running.
    pub async fn run_until(self, stop: impl Future<Output = ()>) -> io::Result<()> {
        let (revocations, maintenance, feed) = (self.revocations, self.maintenance, self.feed);
        let stop = async move {
            stop.await;
            feed.answer_waiting();
        };
        let finish = async move {
            maintenance.stop().await;
            revocations.stop().await;
        };
        self.server.run_until(stop, finish).await
    }
}

/// Opens the database and applies the migrations that are missing.
pub async fn open(settings: &Settings) -> Result<Database, DatabaseError> {
    let database = Database::connect(&settings.database).await?;
    for applied in database.migrate(storage::migrations()).await? {
        tracing::info!(migration = applied, "database.migrated");
    }
    Ok(database)
}

/// The hosted pages. Reads the files of the logos.
pub(crate) fn pages(settings: &Settings) -> Result<Pages, PageError> {
    Pages::new(page_settings(settings))
}

/// Opens the database for a command. Servers of another release may run on it, so a command changes no schema: it checks
/// that the schema is the one it needs.
pub(crate) async fn open_for_command(settings: &Settings) -> Result<Database, DatabaseError> {
    let database = Database::connect(&settings.database).await?;
    database.require_schema(storage::migrations()).await?;
    Ok(database)
}

/// The server's own secrets.
struct Secrets {
    pepper: Zeroizing<[u8; 32]>,
    refresh_derivation: Zeroizing<[u8; 32]>,
}

async fn open_keys(components: Components<'_>) -> Result<(KeyStore, Secrets), StartError> {
    let sealer = components.sealer().await?;
    let secrets = Secrets {
        pepper: components.secret(&sealer, SecretName::PasswordPepper).await?,
        refresh_derivation: components.secret(&sealer, SecretName::RefreshDerivation).await?,
    };
    let unit_of_work = components.unit_of_work.clone();
    let keys = KeyStore::open(unit_of_work, sealer, key_settings(components.settings)).await?;
    Ok((keys, secrets))
}
