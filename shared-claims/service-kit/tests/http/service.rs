//! A small service with a handler for each case.

use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;
use std::time::Duration;

use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, Responder};
use serde::{Deserialize, Serialize};
use service_kit::health::{CheckResult, HealthChecks};
use service_kit::http::{
    ClientAddress, Cors, Form, HttpError, HttpSettings, Json, Path, Query, RequestId, resource,
};
use service_kit::metrics::{Metrics, MetricsSettings};
use service_kit::server::{Service, ShutdownSignal, bind};
use tokio::sync::oneshot;
use utoipa::openapi::security::{Flow, OAuth2, Password, Scopes, SecurityScheme};
use utoipa::openapi::{Info, OpenApi};
use uuid::Uuid;

#[derive(Deserialize, Serialize)]
struct Note {
    title: String,
    #[serde(default)]
    size: Option<u32>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    new_password: Option<String>,
}

#[derive(Deserialize, Serialize)]
struct Login {
    username: String,
    password: String,
    limit: Option<u8>,
}

#[derive(Deserialize, Serialize)]
struct Page {
    limit: Option<u8>,
    cursor: Option<String>,
}

fn routes(config: &mut ServiceConfig) {
    config
        .service(
            resource("/notes").get(|| async { "all" }).post(|note: Json<Note>| async { web::Json(note.0) }),
        )
        .service(resource("/notes/{id}").get(|id: Path<Uuid>| async move { id.to_string() }).delete(gone))
        .service(resource("/login").post(|form: Form<Login>| async { web::Json(form.0) }))
        .service(resource("/page").get(|page: Query<Page>| async { web::Json(page.0) }))
        .service(resource("/plain-json").post(|note: web::Json<Note>| async { note }))
        .service(
            resource("/who")
                .get(|who: ClientAddress, id: RequestId| async move { format!("{} {}", who.0, id.as_str()) }),
        )
        .service(resource("/panic").get(panics))
        .service(resource("/fails").get(fails))
        .service(
            resource("/teapot").get(|| async { HttpResponse::ImATeapot().body("the secret is hunter2") }),
        )
        .service(resource("/own").get(own_headers))
        .service(resource("/slow/{ms}").get(slow))
        .service(resource("/news").get(news))
        .service(resource("/public").cors(Cors::AnyOrigin).get(|| async { "public" }).post(note_of))
        .service(resource("/page-of-ours").cors(Cors::NoOrigin).get(|| async { "page" }).post(note_of))
        .service(resource("/for-clients").cors(Cors::listed_and(is_client)).get(fails).post(note_of))
        .service(resource("/unanswered").cors(Cors::listed_and(|_| std::future::pending())).get(news_free));
}

async fn note_of(note: Json<Note>) -> impl Responder {
    web::Json(note.0)
}

/// Returns only after a wait, like a read of a database.
async fn is_client(origin: String) -> bool {
    tokio::task::yield_now().await;
    origin == "https://client.example"
}

async fn news_free() -> &'static str {
    "answered"
}

async fn gone() -> impl Responder {
    HttpResponse::NoContent()
}

async fn panics() -> HttpResponse {
    panic!("the secret is hunter2");
}

async fn fails() -> Result<HttpResponse, HttpError> {
    Err(HttpError::internal("the secret is hunter2"))
}

async fn own_headers() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(("cache-control", "public, max-age=60"))
        .insert_header(("content-security-policy", "default-src 'self'"))
        .body("own")
}

async fn slow(ms: Path<u64>) -> &'static str {
    tokio::time::sleep(Duration::from_millis(*ms)).await;
    "slept"
}

async fn news(shutdown: ShutdownSignal) -> &'static str {
    shutdown.wait().await;
    "no news"
}

fn document() -> OpenApi {
    let flow = Flow::Password(Password::new("/auth/token", Scopes::new()));
    let mut document = OpenApi::default();
    document.info = Info::new("A small service", "1");
    document
        .components
        .get_or_insert_with(Default::default)
        .add_security_scheme("password", SecurityScheme::OAuth2(OAuth2::new([flow])));
    document
}

/// A running service. It stops when it is dropped.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) metrics_address: Option<SocketAddr>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// Tells the service to stop. Returns the thread that ends when it has stopped.
    pub(crate) fn stop(&mut self) -> JoinHandle<()> {
        self.stop.take().unwrap().send(()).unwrap();
        self.thread.take().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

pub(crate) fn start() -> Running {
    start_with(|_, _| {}, HealthChecks::new().required("database", || async { CheckResult::ok() }))
}

pub(crate) fn start_with(
    change: impl FnOnce(&mut HttpSettings, &mut MetricsSettings),
    health: HealthChecks,
) -> Running {
    start_at(false, change, health)
}

/// Starts the service with a public URL of https or http.
pub(crate) fn start_at(
    is_https: bool,
    change: impl FnOnce(&mut HttpSettings, &mut MetricsSettings),
    health: HealthChecks,
) -> Running {
    let mut http = HttpSettings { workers: 1, shutdown_seconds: 1, ..HttpSettings::default() };
    let mut metrics_settings = MetricsSettings::default();
    change(&mut http, &mut metrics_settings);
    let service = Service {
        http,
        is_https,
        metrics_settings,
        metrics: Metrics::new().unwrap(),
        health,
        api: document(),
        token_origin: Some("http://auth.example:8000".to_owned()),
        base_path: "/base".to_owned(),
        gate: service_kit::http::Gate::default(),
        routes,
    };
    let (started, starting) = std::sync::mpsc::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let thread = std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let application = bind(service, Some(listener)).unwrap();
            started.send((application.address(), application.metrics_address())).unwrap();
            let drain = application.drain();
            let stopped = async {
                let _ = stopped.await;
                drain.await;
            };
            application.run_until(stopped, async {}).await.unwrap();
        });
    });
    let (address, metrics_address) = starting.recv().unwrap();
    Running { address, metrics_address, stop: Some(stop), thread: Some(thread) }
}
