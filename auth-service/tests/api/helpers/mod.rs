//! `spawn_app` starts the service on a free port, with its own database, a manual clock, and seeded randomness.

mod changes;
pub(crate) mod clients;
pub(crate) mod codes;
pub(crate) mod device;
mod dump;
mod keys;
pub(crate) mod mails;
mod operator;
pub(crate) mod person;
pub(crate) mod receiver;
pub(crate) mod sessions;
pub(crate) mod sign_in;
pub(crate) mod sign_out;
mod verbs;

use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;

use auth_service::config::Settings;
use auth_service::random::Random;
use auth_service::startup::{Application, StartError, World};
use rand::SeedableRng;
use rand::rngs::StdRng;
use service_kit::config::{Secret, UrlWithSecret};
use service_kit::database::testing::TestDatabase;
use service_kit::database::{Backend, Database};
use shared_claims::clock::ManualClock;
use shared_claims::testing::RedisProcess;
use tokio::sync::oneshot;

pub(crate) use verbs::{Tokens, claims_of, is_invalid_token};

/// 2023-11-14T22:13:20Z.
pub(crate) const START_MS: i64 = 1_700_000_000_000;
pub(crate) const ENCRYPTION_KEY: &str = "a test's key of more than thirty-two characters";
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// A running service.
pub(crate) struct TestApp {
    pub(crate) url: String,
    pub(crate) client: reqwest::Client,
    pub(crate) clock: Arc<ManualClock>,
    /// The service's database, for checks that HTTP does not offer.
    pub(crate) database: Database,
    settings: Settings,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    // Dropped last, because it deletes the database.
    _place: Arc<TestDatabase>,
}

/// The settings for tests: cheap hashes, a fixed encryption key, few threads.
pub(crate) fn settings(place: &TestDatabase) -> Settings {
    let mut settings = Settings { database: place.settings(), ..Settings::default() };
    settings.http.workers = 2;
    // The test issuer uses plain http, but most tests are about a service that is reached over https.
    settings.cookies.secure = Some(true);
    settings.passwords.bcrypt_cost = 4;
    settings.passwords.queue_limit = 1000;
    // Tests share their machine, and none but its own may be refused because others are busy.
    settings.passwords.max_wait_ms = 60_000;
    // All tests call from one address. Those that are about these limits set them.
    settings.throttle.registrations_per_hour = 10_000;
    settings.throttle.mails_per_hour = 10_000;
    settings.throttle.client_failures_per_minute = 10_000;
    settings.keys.encryption_key = Some(Secret::new(ENCRYPTION_KEY));
    settings.mail.folder = place.folder().join("mail");
    // All tests call from one address, and some fail on purpose.
    settings.throttle.logins_per_address_per_minute = 100_000;
    settings.throttle.failures_per_name = 100;
    settings
}

/// Starts one app on each database.
pub(crate) async fn both() -> [TestApp; 2] {
    both_with(|_| {}).await
}

/// Starts one app on each database, with changed settings.
pub(crate) async fn both_with(change: impl Fn(&mut Settings)) -> [TestApp; 2] {
    [spawn_app(Backend::Sqlite, &change).await, spawn_app(Backend::Postgres, &change).await]
}

/// Apps with their counters in each store: SQLite, PostgreSQL, and Redis.
pub(crate) struct OnEachStore {
    apps: Vec<TestApp>,
    /// Ends after the apps.
    _redis: RedisProcess,
}

impl<'a> IntoIterator for &'a OnEachStore {
    type Item = &'a TestApp;
    type IntoIter = std::slice::Iter<'a, TestApp>;

    fn into_iter(self) -> Self::IntoIter {
        self.apps.iter()
    }
}

pub(crate) async fn on_each_store(change: impl Fn(&mut Settings)) -> OnEachStore {
    let redis = RedisProcess::start().await;
    let mut apps = Vec::from(both_with(&change).await);
    let with_redis = |settings: &mut Settings| {
        change(settings);
        settings.revocation.redis_url = Some(UrlWithSecret::new(redis.url()));
    };
    apps.push(spawn_app(Backend::Postgres, with_redis).await);
    OnEachStore { apps, _redis: redis }
}

pub(crate) async fn spawn_app(backend: Backend, change: impl FnOnce(&mut Settings)) -> TestApp {
    let place = Arc::new(TestDatabase::create(backend));
    let mut settings = settings(&place);
    change(&mut settings);
    let clock = ManualClock::at(START_MS);
    spawn_replica(&place, settings, clock, 1).await.unwrap()
}

/// Starts a service on a database that other services may use too.
pub(crate) async fn spawn_replica(
    place: &Arc<TestDatabase>,
    settings: Settings,
    clock: Arc<ManualClock>,
    seed: u8,
) -> Result<TestApp, StartError> {
    let (database, kept) = (settings.database.clone(), settings.clone());
    let world_clock = clock.clone();
    let (started, starting) = oneshot::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    // actix needs its own system on the thread.
    let thread = std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let world = World {
                clock: world_clock,
                random: Random::from_rng(StdRng::from_seed([seed; 32])),
                listener: Some(TcpListener::bind("127.0.0.1:0").unwrap()),
            };
            match Application::build(settings, world).await {
                Ok(application) => {
                    started.send(Ok(application.port())).unwrap();
                    let stop = async move { drop(stopped.await) };
                    application.run_until(stop).await.unwrap();
                }
                Err(error) => started.send(Err(error)).unwrap(),
            }
        });
    });
    let port = starting.await.unwrap()?;
    Ok(TestApp {
        url: format!("http://127.0.0.1:{port}"),
        client: reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap(),
        clock,
        database: Database::connect(&database).await.unwrap(),
        settings: kept,
        stop: Some(stop),
        thread: Some(thread),
        _place: Arc::clone(place),
    })
}

impl Drop for TestApp {
    fn drop(&mut self) {
        drop(self.stop.take());
        // The shutdown would wait for the client's idle connections.
        self.client = reqwest::Client::new();
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            if !std::thread::panicking() {
                ended.unwrap();
            }
        }
    }
}
