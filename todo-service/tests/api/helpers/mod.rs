//! Starts an application for one test, and sends requests to it.

mod feed;
mod response;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use diesel::RunQueryDsl as _;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use service_kit::database::testing::TestDatabase;
use service_kit::database::{Backend, Database, DatabaseError};
use shared_claims::clock::{SharedClock, SystemClock};
use shared_claims::testing::{TestIssuer, TestKey, TokenBuilder, eventually};
use todo_service::config::Settings;
use todo_service::startup::Application;

pub(crate) use feed::TestFeed;
pub(crate) use response::TestResponse;

pub(crate) const BOTH: [Backend; 2] = [Backend::Sqlite, Backend::Postgres];
pub(crate) const AUDIENCE: &str = "todo-service";
pub(crate) const ADA: &str = "0198d2c4-0000-7000-8000-00000000ada0";
pub(crate) const BOB: &str = "0198d2c4-0000-7000-8000-00000000b0b0";

/// A running service, with its issuer, its revocation feed and its database.
pub(crate) struct TestApp {
    pub(crate) url: String,
    pub(crate) issuer: TestIssuer,
    pub(crate) feed: TestFeed,
    pub(crate) client: Client,
    clock: SharedClock,
    database: Mutex<Option<TestDatabase>>,
}

/// Starts the service with its own database and a revocation feed of the test.
pub(crate) async fn spawn_app(backend: Backend) -> TestApp {
    spawn_app_with(backend, |_| {}).await
}

/// Starts the service with changed settings.
pub(crate) async fn spawn_app_with(backend: Backend, change: impl FnOnce(&mut Settings)) -> TestApp {
    let app = spawn_unready(backend, Arc::new(SystemClock), change).await;
    app.ready().await;
    app
}

/// Starts the service with this clock.
pub(crate) async fn spawn_app_at(backend: Backend, clock: SharedClock) -> TestApp {
    let app = spawn_unready(backend, clock, |_| {}).await;
    app.ready().await;
    app
}

/// Starts the service without waiting until it is ready, for tests in which it never will be.
pub(crate) async fn spawn_unready(
    backend: Backend,
    clock: SharedClock,
    change: impl FnOnce(&mut Settings),
) -> TestApp {
    let database = TestDatabase::create(backend);
    let issuer = TestIssuer::start([TestKey::shared(0)]);
    let feed = TestFeed::start();
    let mut settings = Settings { database: database.settings(), ..Settings::default() };
    settings.http.bind = ([127, 0, 0, 1], 0).into();
    settings.http.workers = 1;
    // The test issuer uses plain http, but most tests expect the cookies of a service behind https.
    settings.cookies.secure = Some(true);
    settings.auth.issuer = issuer.url().to_owned();
    settings.revocation.feed_url = Some(feed.url().parse().unwrap());
    change(&mut settings);
    let application = Application::build(settings, clock.clone()).await.unwrap();
    let url = format!("http://127.0.0.1:{}", application.port());
    actix_web::rt::spawn(application.run_until(std::future::pending()));
    let client = Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
    TestApp { url, issuer, feed, client, clock, database: Mutex::new(Some(database)) }
}

impl TestApp {
    /// Waits until the service is ready.
    pub(crate) async fn ready(&self) {
        eventually("the service is ready", Duration::from_secs(10), || async {
            self.get("/readyz", None).await.status == 200
        })
        .await;
    }

    /// Changes the database directly, without the service.
    pub(crate) async fn execute(&self, sql: &'static str) {
        let settings = self.database.lock().unwrap().as_ref().unwrap().settings();
        let database = Database::connect(&settings).await.unwrap();
        let changed =
            database.write(move |conn| Ok::<_, DatabaseError>(diesel::sql_query(sql).execute(conn)?));
        changed.await.unwrap();
    }

    /// Drops the database while the service runs.
    pub(crate) fn drop_database(&self) {
        self.database.lock().unwrap().take();
    }

    /// A valid token of this user, which the test can change before it is signed.
    pub(crate) fn token_of(&self, sub: &str) -> TokenBuilder {
        TestKey::shared(0).token(self.issuer.url(), AUDIENCE, &*self.clock).claim("sub", sub)
    }

    /// A valid token of this user.
    pub(crate) fn token(&self, sub: &str) -> String {
        self.token_of(sub).sign()
    }

    /// A request with this token.
    pub(crate) fn request(&self, method: Method, path: &str, token: Option<&str>) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.url));
        match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub(crate) async fn get(&self, path: &str, token: Option<&str>) -> TestResponse {
        TestResponse::of(self.request(Method::GET, path, token)).await
    }

    pub(crate) async fn post(&self, path: &str, token: &str, body: &Value) -> TestResponse {
        TestResponse::of(self.request(Method::POST, path, Some(token)).json(body)).await
    }

    pub(crate) async fn put(&self, path: &str, token: &str, body: &Value) -> TestResponse {
        TestResponse::of(self.request(Method::PUT, path, Some(token)).json(body)).await
    }

    pub(crate) async fn delete(&self, path: &str, token: &str) -> TestResponse {
        TestResponse::of(self.request(Method::DELETE, path, Some(token))).await
    }

    /// Creates a todo and returns it.
    pub(crate) async fn create(&self, token: &str, title: &str) -> Value {
        let response = self.post("/todos/", token, &json!({ "title": title })).await;
        assert_eq!(response.status, 201, "{response:?}");
        response.json()
    }
}
