//! Puts the parts together. The only place that does.

use std::future::Future;
use std::io;
use std::time::Duration;

use actix_web::web::ServiceConfig;
use rand::SeedableRng;
use rand::rngs::StdRng;
use service_kit::config::InvalidSetting;
use service_kit::database::{Database, DatabaseError};
use service_kit::health::Health;
use service_kit::metrics::Metrics;
use service_kit::server::{self, Service};
use shared_claims::actix::{BearerAuth, InvalidOrigin};
use shared_claims::clock::SharedClock;
use shared_claims::outbound::{InvalidProxyUrl, ProxyUrl};
use shared_claims::revocation::{
    FeedSettings, InvalidFeedToken, InvalidFeedUrl, InvalidRedisUrl, Mirror, MirrorSettings, RedisLookup,
    RedisSettings, Revocation,
};
use shared_claims::verifier::{self, BuildError, Verifier};

use crate::config::{AuthSettings, OnOutage, RevocationMode, Settings};
use crate::domain::{Allowance, TodoIds};
use crate::storage::migrations;
use crate::todos::Todos;
use crate::{http, observe};

/// Why the service did not start. One line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database.
    #[error("database.url: {0}")]
    Database(#[from] DatabaseError),
    /// The verifier.
    #[error("auth: {0}")]
    Verifier(#[from] BuildError),
    /// The revocation list in Redis.
    #[error("revocation.redis_url: {0}")]
    Redis(#[from] InvalidRedisUrl),
    /// The revocation feed.
    #[error("revocation.feed_url: {0}")]
    Feed(#[from] InvalidFeedUrl),
    /// What the revocation feed asks for.
    #[error("revocation.feed_token: {0}")]
    FeedToken(#[from] InvalidFeedToken),
    /// The proxy to the issuer.
    #[error("auth.proxy_url: {0}")]
    Proxy(#[from] InvalidProxyUrl),
    /// The origins that may use the cookie.
    #[error("http.cors_origins: {0}")]
    Origin(#[from] InvalidOrigin),
    /// The numbers for Prometheus.
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// The listeners.
    #[error("{0}")]
    Listen(#[from] io::Error),
    /// A setting.
    #[error("{0}")]
    Setting(#[from] InvalidSetting),
}

/// The service, listening.
pub struct Application(server::Application);

impl Application {
    /// Opens the database and migrates it, begins to follow keys and revocations, and listens.
    pub async fn build(settings: Settings, clock: SharedClock) -> Result<Self, StartError> {
        let database = open(&settings).await?;
        let verifier = verifier(&settings, clock.clone()).await?;
        let auth = BearerAuth::new(verifier.clone())
            .cookie(settings.cookie_rules().access_token())
            .allowed_origins(&settings.http.cors_origins)?;

        let metrics = Metrics::new(clock.now_seconds())?;
        metrics.watch_database(&database)?;
        observe::watch(&metrics, &verifier)?;
        let serves_without_list = settings.revocation.on_outage == OnOutage::Accept;
        let health = observe::checks(Health::new().database(&database), &verifier, serves_without_list);

        let ids = TodoIds::new(StdRng::from_rng(&mut rand::rng()));
        let allowance = Allowance {
            todos: Some(settings.limits.todos_per_user.into()).filter(|limit| *limit > 0),
            bytes: Some(settings.limits.bytes_per_user).filter(|limit| *limit > 0),
        };
        let todos = Todos::new(database, clock, ids, allowance);
        let service = Service {
            api: http::docs::document(&settings.auth.issuer_path("/auth/token")),
            token_origin: settings.auth.issuer_origin(),
            // It has no public URL of its own: a trusted proxy says over what its clients come.
            is_https: false,
            base_path: settings.base_path,
            http: settings.http,
            metrics_settings: settings.metrics,
            metrics,
            health,
            routes: move |config: &mut ServiceConfig| http::configure(config, &todos, &auth),
        };
        Ok(Self(server::bind(service, None)?))
    }

    /// The port that it listens at.
    pub fn port(&self) -> u16 {
        self.0.port()
    }

    /// Serves until SIGTERM or SIGINT.
    pub async fn run_until_stopped(self) -> io::Result<()> {
        self.0.run().await
    }

    /// Serves until `stop` is done.
    pub async fn run_until(self, stop: impl Future<Output = ()>) -> io::Result<()> {
        self.0.run_until(stop, async {}).await
    }
}

/// Opens the database and applies what migrations are missing.
pub async fn open(settings: &Settings) -> Result<Database, DatabaseError> {
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

/// The way to the issuer, for the key set and for the feed.
fn proxy(auth: &AuthSettings) -> Result<Option<ProxyUrl>, InvalidProxyUrl> {
    auth.proxy_url.as_ref().map(|url| ProxyUrl::parse(url.expose())).transpose()
}

fn revocation(settings: &Settings, clock: SharedClock) -> Result<Revocation, StartError> {
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
