//! Builds the service from its components. Only this module wires them together.

use std::future::Future;
use std::io;
use std::time::Duration;

use actix_web::web::ServiceConfig;
use rand::SeedableRng;
use rand::rngs::StdRng;
use service_kit::config::InvalidSetting;
use service_kit::database::{Database, DatabaseError, StartWait};
use service_kit::health::HealthChecks;
use service_kit::http::Gate;
use service_kit::metrics::Metrics;
use service_kit::server::{self, Service};
use shared_claims::actix::{BearerAuth, InvalidOrigin};
use shared_claims::clock::SharedClock;
use shared_claims::outbound::{InvalidProxyUrl, ProxyUrl};
use shared_claims::revocation::{
    FeedSettings, InvalidFeedToken, InvalidFeedUrl, InvalidRedisUrl, Mirror, MirrorSettings, RedisLookup,
    RedisSettings, RevocationSource,
};
use shared_claims::verifier::{self, BuildError, Verifier};

use crate::config::{AuthSettings, OnOutage, RevocationMode, Settings};
use crate::domain::{Allowance, TodoIds};
use crate::storage::migrations;
use crate::todos::Todos;
use crate::{http, observe};

/// Why the service did not start. Displayed as one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database cannot be opened or migrated.
    #[error("database.url: {0}")]
    Database(#[from] DatabaseError),
    /// The verifier cannot be built.
    #[error("auth: {0}")]
    Verifier(#[from] BuildError),
    /// The URL of the Redis with the revocation list is not valid.
    #[error("revocation.redis_url: {0}")]
    Redis(#[from] InvalidRedisUrl),
    /// The URL of the revocation feed is not valid.
    #[error("revocation.feed_url: {0}")]
    Feed(#[from] InvalidFeedUrl),
    /// The token for the revocation feed is not valid.
    #[error("revocation.feed_token: {0}")]
    FeedToken(#[from] InvalidFeedToken),
    /// The URL of the proxy to the issuer is not valid.
    #[error("auth.proxy_url: {0}")]
    Proxy(#[from] InvalidProxyUrl),
    /// An allowed origin is not valid.
    #[error("http.cors_origins: {0}")]
    Origin(#[from] InvalidOrigin),
    /// The metrics cannot be registered.
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// A listener cannot be opened.
    #[error("{0}")]
    Listen(#[from] io::Error),
    /// A setting is not valid.
    #[error("{0}")]
    Setting(#[from] InvalidSetting),
}

/// The service, which listens but does not serve yet.
pub struct Application(server::Application);

impl Application {
    /// Waits for the database, migrates it, starts to follow keys and revocations, and opens the listeners.
    pub async fn build(settings: Settings, clock: SharedClock) -> Result<Self, StartError> {
        server::check_tls(&settings.http)?;
        let database =
            StartWait::new(&settings.database).run(async || open_database(&settings).await).await?;
        let verifier = verifier(&settings, clock.clone()).await?;
        let auth = BearerAuth::new(verifier.clone())
            .cookie(settings.cookie_rules().access_token())
            .allowed_origins(&settings.http.cors_origins)?;

        let metrics = Metrics::new()?;
        metrics.watch_database(&database)?;
        observe::register_metrics(&metrics, &verifier)?;
        let serves_without_list = settings.revocation.on_outage == OnOutage::Accept;
        let health = observe::add_health_checks(
            HealthChecks::new().database(&database),
            &verifier,
            serves_without_list,
        );

        let ids = TodoIds::new(StdRng::from_rng(&mut rand::rng()));
        let allowance = Allowance {
            todos: Some(settings.limits.todos_per_user.into()).filter(|limit| *limit > 0),
            bytes: Some(settings.limits.bytes_per_user).filter(|limit| *limit > 0),
        };
        let todos = Todos::new(database, clock, ids, allowance);
        let service = Service {
            api: http::api_document(&settings.auth.issuer_path("/auth/token")),
            token_origin: settings.auth.issuer_origin(),
            // The service has no setting for its public URL: without TLS of its own, only a trusted proxy can tell that a
            // client uses https.
            is_https: settings.http.tls_cert.is_some(),
            base_path: settings.base_path,
            http: settings.http,
            metrics_settings: settings.metrics,
            metrics,
            health,
            gate: Gate::default(),
            routes: move |config: &mut ServiceConfig| http::configure(config, &todos, &auth),
        };
        Ok(Self(server::bind(service, None)?))
    }

    /// The port on which the service listens.
    pub fn port(&self) -> u16 {
        self.0.port()
    }

    /// Serves until SIGTERM or SIGINT.
    pub async fn run_until_stopped(self) -> io::Result<()> {
        self.0.run().await
    }

    /// Serves until `stop` completes.
    pub async fn run_until(self, stop: impl Future<Output = ()>) -> io::Result<()> {
        self.0.run_until(stop, async {}).await
    }
}

/// Refuses a database whose schema a newer release has made. It changes nothing.
pub async fn refuse_newer_schema(settings: &Settings) -> Result<(), DatabaseError> {
    Database::connect(&settings.database).await?.refuse_newer_schema(migrations()).await
}

/// Opens the database and applies the missing migrations.
pub async fn open_database(settings: &Settings) -> Result<Database, DatabaseError> {
    let database = Database::connect(&settings.database).await?;
    for applied in database.migrate(migrations()).await? {
        tracing::info!(migration = applied, "database.migrated");
    }
    Ok(database)
}

async fn verifier(settings: &Settings, clock: SharedClock) -> Result<Verifier, StartError> {
    let auth = &settings.auth;
    let mut builder = Verifier::builder(&auth.issuer)
        .audience(&auth.audience)
        .leeway_seconds(auth.leeway_seconds)
        .jwks_cooldown(Duration::from_secs(auth.jwks_cooldown_seconds))
        .jwks_max_age(Duration::from_secs(auth.jwks_max_age_seconds))
        .token_cache_entries(auth.token_cache_entries)
        .revocation(revocation(settings, clock.clone())?)
        .on_outage(match settings.revocation.on_outage {
            OnOutage::Refuse => verifier::OnOutage::Refuse,
            OnOutage::Accept => verifier::OnOutage::Accept,
        })
        .clock(clock);
    if let Some(url) = &auth.jwks_url {
        builder = builder.jwks_url(url.as_str());
    }
    if let Some(proxy) = proxy(auth)? {
        builder = builder.proxy(proxy);
    }
    if settings.revocation.on_outage == OnOutage::Accept {
        tracing::warn!(
            "revocation.on_outage is accept: without the list, revoked tokens live until they expire"
        );
    }
    Ok(builder.build().await?)
}

/// The proxy for requests to the issuer, for key set and feed.
fn proxy(auth: &AuthSettings) -> Result<Option<ProxyUrl>, InvalidProxyUrl> {
    auth.proxy_url.as_ref().map(|url| ProxyUrl::parse(url.expose())).transpose()
}

fn revocation(settings: &Settings, clock: SharedClock) -> Result<RevocationSource, StartError> {
    let revocation = &settings.revocation;
    let bound = Duration::from_secs(revocation.max_staleness_seconds);
    let mirror = MirrorSettings::default().max_staleness(bound).clock(clock);
    if let Some(url) = &revocation.redis_url {
        let redis = RedisSettings::new(url.expose())?.prefix(&revocation.prefix);
        return Ok(match revocation.mode {
            RevocationMode::Mirror => Mirror::follow_redis(redis, mirror).into(),
            RevocationMode::Lookup => RedisLookup::new(redis, mirror).into(),
        });
    }
    let url = match &revocation.feed_url {
        Some(url) => url.to_string(),
        None => settings.auth.issuer_path("/revocations"),
    };
    let mut feed = FeedSettings::new(&url)?;
    if let Some(token) = &revocation.feed_token {
        feed = feed.token(token.expose())?;
    }
    if let Some(proxy) = proxy(&settings.auth)? {
        feed = feed.proxy(&proxy)?;
    }
    Ok(Mirror::follow_feed(feed, mirror).into())
}
