//! Builds the components and connects them. Only this module does.

mod announcing;
mod components;
mod error;
mod mail;
mod settings;
mod verifiers;
mod warnings;

use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use actix_web::web::{Data, ServiceConfig};
use service_kit::config::InvalidSetting;
use service_kit::database::{Database, DatabaseError, StartWait};
use service_kit::http::Gate;
use service_kit::metrics::Metrics;
use service_kit::server::{self, Service};
use shared_claims::clock::{SharedClock, SystemClock};
use zeroize::Zeroizing;

pub(crate) use self::announcing::{database_in_redis, deliver_revocations, unit_of_work_of_a_command};
pub(crate) use self::components::Components;
pub use self::error::StartError;
pub use self::mail::MailerError;
pub(crate) use self::mail::mailer;
pub(crate) use self::settings::sends_mail;
pub use self::settings::{cut_rules, key_settings, limits, prune_rules, session_limits};
use self::settings::{feed_access, page_settings, projection, scope_texts, token_settings};
use crate::audit::{Recorder, Refusals};
use crate::clients::ClientDeclaration;
use crate::config::{Settings, read_clients};
use crate::http::revocations::Feed;
use crate::http::{
    self, ClientAuth, Cookies, DeviceCookies, HostedPages, HostedPagesParts, Metadata, ProxyWatch,
    PublishedMetadata, Services,
};
use crate::keys::{KeyStore, SecretName, ensure_database_id};
use crate::mail::Mailer;
use crate::maintenance::Maintenance;
use crate::pages::{PageError, Pages};
use crate::pruning::Pruner;
use crate::queue::{Queue, Worker};
use crate::random::Random;
use crate::revocation::continuity::{Continuity, LogWatch};
use crate::revocation::{self, Revocations};
use crate::storage::{UnitOfWork, meta};
use crate::tokens::{TokenParts, Tokens};
use crate::{observe, storage};

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
    queue_worker: Worker,
    revocations: Revocations,
    feed: revocation::feed::Feed,
}

impl Application {
    /// Waits for the database, migrates it, opens the keys (the first start creates them), starts the projection of
    /// revocations and the other background tasks, and opens the listeners.
    pub async fn build(settings: Settings, world: World) -> Result<Self, StartError> {
        warnings::log(&settings);
        let World { clock, random, listener } = world;
        let (pages, mailer) = check_files(&settings)?;
        let mut wait = StartWait::new(&settings.database);
        let database = wait.run(async || Ok::<_, StartError>(open(&settings).await?)).await?;
        let id =
            wait.run(async || Ok::<_, StartError>(ensure_database_id(&database, &random).await?)).await?;
        let unit_of_work = UnitOfWork::new(database.clone(), clock.clone(), random.clone());
        let components = Components { settings: &settings, unit_of_work: &unit_of_work };
        let (keys, secrets) = wait.run(async || open_keys(components).await).await?;

        let starting = async || start_revocations(&settings, &database, &id, &clock, &random).await;
        let (revocations, feed) = wait.run(starting).await?;
        let recorder = Recorder::new(random.clone(), clock.clone(), settings.throttle.enabled);
        let refusals = Refusals::new(database.clone(), recorder.clone());
        let queue = Queue::new(database.clone(), clock.clone(), random.clone())
            .paused_while(older_database(&revocations));
        let unit_of_work = unit_of_work
            .with_audit_policy(recorder)
            .announced_by(revocations.clone())
            .dispatched_by(queue.clone());
        let components = Components { settings: &settings, unit_of_work: &unit_of_work };
        let passwords = components.passwords(&secrets.pepper);
        warnings::measure_hashing(&passwords);
        let throttle = components.throttle(&secrets.throttle);
        let accounts = components.accounts(passwords.clone(), throttle.clone(), refusals.clone());
        let token_settings = token_settings(&settings)?;
        let scopes: Vec<String> = token_settings.default_scope.iter().map(str::to_owned).collect();
        let pruner = Pruner::new(database.clone(), clock.clone(), &random, prune_rules(&settings));
        let tokens = Tokens::new(TokenParts {
            unit_of_work: unit_of_work.clone(),
            keys: keys.clone(),
            refresh_derivation: secrets.refresh_derivation,
            throttle: throttle.clone(),
            settings: token_settings,
        });

        let (clients, administration) = components.clients();
        let declare = async || Ok::<_, StartError>(administration.declare(declared(&settings)?).await?);
        wait.run(declare).await?;

        let metrics = Metrics::new()?;
        metrics.watch_database(&database)?;
        observe::watch(&metrics, &passwords, accounts.password_policy(), &revocations)?;
        observe::watch_locks(&metrics, &accounts)?;
        observe::watch_throttle(&metrics, &throttle)?;
        observe::watch_feed(&metrics, &feed)?;
        observe::watch_keys(&metrics, &keys, &clock)?;
        observe::watch_clients(&metrics, &clients)?;
        observe::watch_pruning(&metrics, &pruner)?;
        observe::watch_queue(&metrics, &queue, &clock)?;
        let health = observe::checks(&database, &keys, &revocations);
        let handlers = components.handlers(&keys, mailer);
        let (cookie_rules, seals) = (
            settings.cookie_rules(),
            wait.run(async || Ok::<_, StartError>(components.seals().await?)).await?,
        );
        let cookies = Cookies::new(&cookie_rules, settings.base_path());
        let devices = DeviceCookies::new(&cookie_rules, seals.clone());
        let sign_ins = components.sign_ins(&clients, &tokens, &keys);
        let services = Services {
            accounts: accounts.clone(),
            tokens,
            client_auth: ClientAuth::new(clients, refusals, throttle, clock.clone()),
            issued: verifiers::issued(&settings, &database, &keys, clock.clone()).await?,
            keys: keys.clone(),
            bearer: verifiers::bearer(&settings, &database, &keys, clock.clone()).await?,
            browser: verifiers::browser(&settings, cookies.clone(), &keys, clock.clone()).await?,
            cookies,
            devices: devices.clone(),
            published: published(&settings, &scopes)?,
            feed: Feed { feed: feed.clone(), access: feed_access(&settings) },
            pages: HostedPages::new(HostedPagesParts {
                pages,
                sign_ins,
                seals,
                devices,
                accounts,
                scope_texts: scope_texts(&settings.scopes),
                cookies: &cookie_rules,
                issuer: &settings.issuer,
                base_path: settings.base_path(),
            }),
            proxy_watch: Data::new(ProxyWatch::new(settings.http.trusted_proxies.clone(), clock.clone())),
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
            gate: Gate::closed_while(older_database(&revocations)),
            routes: move |config: &mut ServiceConfig| http::configure(config, &services),
        };
        let server = server::bind(service, listener)?;
        let log = LogWatch::new(database, revocations.continuity().clone());
        let maintenance = Maintenance::start(keys, pruner, administration, log);
        Ok(Self { server, maintenance, queue_worker: Worker::start(&queue, handlers), revocations, feed })
    }

    /// The port of the HTTP listener.
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// Serves until SIGTERM or SIGINT, and after it for `http.drain_seconds`. Then the process ends within
    /// `http.shutdown_seconds` and one second.
    pub async fn run_until_stopped(self) -> io::Result<()> {
        let (stop, drain) = (server::stop_signal(self.server.stop_timeout())?, self.server.drain());
        self.run_until(async move {
            stop.await;
            drain.await;
        })
        .await
    }

    /// Serves until `stop` completes. Then finishes the requests and the background tasks that are running.
    pub async fn run_until(self, stop: impl Future<Output = ()>) -> io::Result<()> {
        let Self { server, maintenance, queue_worker, revocations, feed } = self;
        let stop = async move {
            stop.await;
            feed.answer_waiting();
        };
        let finish = async move {
            tokio::join!(maintenance.stop(), queue_worker.stop());
            revocations.stop().await;
        };
        server.run_until(stop, finish).await
    }
}

/// The end of the name of the migration since which a verified address belongs to one user.
const UNIQUE_ADDRESSES: &str = "create_mailed_links";

/// Says how many users share an address that was verified for an older one: it is theirs no more, until they prove it.
async fn log_taken_addresses(database: &Database) -> Result<(), DatabaseError> {
    let taken = database.read(|conn| meta::find(conn, meta::VERIFIED_ADDRESSES_TAKEN)).await?;
    match taken.as_deref() {
        None | Some("0") => tracing::info!(users = 0, "database.verified_addresses_taken"),
        Some(users) => tracing::warn!(users, "database.verified_addresses_taken"),
    }
    Ok(())
}

/// Opens the database and applies the migrations that are missing.
pub async fn open(settings: &Settings) -> Result<Database, DatabaseError> {
    let database = Database::connect(&settings.database).await?;
    for applied in database.migrate(storage::migrations()).await? {
        tracing::info!(migration = applied, "database.migrated");
        if applied.ends_with(UNIQUE_ADDRESSES) {
            log_taken_addresses(&database).await?;
        }
    }
    Ok(database)
}

/// Refuses a database whose schema a newer release has made. It changes nothing.
pub(crate) async fn refuse_newer_schema(settings: &Settings) -> Result<(), DatabaseError> {
    Database::connect(&settings.database).await?.refuse_newer_schema(storage::migrations()).await
}

/// What is made of the settings and of the files that they name. `check-config` makes it, too: nothing is created or changed.
pub(crate) fn check_files(settings: &Settings) -> Result<(Pages, Arc<Mailer>), StartError> {
    server::check_tls(&settings.http)?;
    Ok((pages(settings)?, mailer(settings)?))
}

/// The hosted pages. Reads the files of the logos.
fn pages(settings: &Settings) -> Result<Pages, PageError> {
    Pages::new(page_settings(settings))
}

/// Opens the database for a command. Servers of another release may run on it, so a command changes no schema: it checks
/// that the schema is the one it needs.
pub(crate) async fn open_for_command(settings: &Settings) -> Result<Database, DatabaseError> {
    let database = Database::connect(&settings.database).await?;
    database.require_schema(storage::migrations()).await?;
    Ok(database)
}

/// The clients that the configuration declares.
fn declared(settings: &Settings) -> Result<Vec<ClientDeclaration>, InvalidSetting> {
    read_clients(&settings.clients, &settings.tokens.audience, settings.is_local())
}

/// The metadata of the issuer as it is sent.
fn published(settings: &Settings, scopes: &[String]) -> io::Result<PublishedMetadata> {
    let metadata = Metadata::of(&settings.issuer, scopes.iter());
    let max_age_seconds = settings.keys.jwks_max_age_seconds;
    PublishedMetadata::new(&metadata, max_age_seconds, settings.base_path()).map_err(io::Error::other)
}

/// The server's own secrets.
struct Secrets {
    pepper: Zeroizing<[u8; 32]>,
    refresh_derivation: Zeroizing<[u8; 32]>,
    /// The throttle's key for hashing names and addresses.
    throttle: Zeroizing<[u8; 32]>,
}

/// Whether the database is an older state of itself. What waits in it may have been sent since, and what is valid in it may
/// have been revoked.
fn older_database(revocations: &Revocations) -> impl Fn() -> bool + Send + Sync + 'static {
    let continuity = revocations.continuity().clone();
    move || continuity.is_older()
}

/// Starts the projection of revocations to Redis, if there is one, and the reader of the feed.
async fn start_revocations(
    settings: &Settings,
    database: &Database,
    database_id: &str,
    clock: &SharedClock,
    random: &Random,
) -> Result<(Revocations, revocation::feed::Feed), StartError> {
    let followers = settings.revocation.feed_followers;
    let continuity = Continuity::of(database_id.to_owned());
    let feed = revocation::feed::Feed::start(database, continuity.clone(), followers, clock.clone()).await?;
    let projection = projection(settings);
    let started =
        Revocations::start(database.clone(), continuity, projection, clock.clone(), random.clone()).await?;
    Ok((started.with_feed(feed.clone()), feed))
}

async fn open_keys(components: Components<'_>) -> Result<(KeyStore, Secrets), StartError> {
    let sealer = components.sealer().await?;
    let secrets = Secrets {
        pepper: components.secret(&sealer, SecretName::PasswordPepper).await?,
        refresh_derivation: components.secret(&sealer, SecretName::RefreshDerivation).await?,
        throttle: components.secret(&sealer, SecretName::Throttle).await?,
    };
    let unit_of_work = components.unit_of_work.clone();
    let keys = KeyStore::open(unit_of_work, sealer, key_settings(components.settings)).await?;
    Ok((keys, secrets))
}
