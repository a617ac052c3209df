//! An issuer for tests. It serves a discovery document and a key set, and can be told to misbehave.

use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::http::header::{ContentEncoding, ETAG, IF_NONE_MATCH, LOCATION};
use actix_web::middleware::Compress;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::key::TestKey;

/// How an endpoint responds.
///
/// ```
/// use shared_claims::testing::{Behaviour, TestIssuer};
///
/// fn goes_down(issuer: &TestIssuer) {
///     issuer.keys_behave(Behaviour::Status(500));
///     issuer.discovery_behaves(Behaviour::Hang);
/// }
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Behaviour {
    /// Responds normally.
    #[default]
    Well,
    /// Responds with this status and no document.
    Status(u16),
    /// Responds normally, after this delay.
    Slowly(Duration),
    /// Never responds.
    Hang,
    /// Responds with an HTML page.
    Html,
    /// Responds with the normal key set, followed by 10 MB of white space.
    Huge,
    /// Responds like `Huge`, compressed with gzip: about ten kilobytes on the wire.
    Bomb,
    /// Responds with a redirect to this URL.
    Redirect(String),
    /// Responds with this text.
    Text(String),
}

/// How often each endpoint was requested.
///
/// ```
/// use shared_claims::testing::{Fetches, TestIssuer};
///
/// fn asked_once(issuer: &TestIssuer) {
///     assert_eq!(issuer.fetches(), Fetches { discovery: 1, keys: 1, ..Fetches::default() });
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fetches {
    /// The discovery document.
    pub discovery: usize,
    /// The key set.
    pub keys: usize,
    /// Requests for the key set that were answered with `304 Not Modified`.
    pub not_modified: usize,
    /// Any other path.
    pub other: usize,
}

#[derive(Debug)]
struct State {
    url: String,
    discovery: Mutex<Behaviour>,
    keys: Mutex<Behaviour>,
    set: Mutex<Value>,
    cache_control: Mutex<String>,
    fetches: [AtomicUsize; 4],
}

/// An issuer on its own port. It stops when it is dropped.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::net::TcpListener;
/// use shared_claims::testing::{TestIssuer, TestKey};
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let issuer = TestIssuer::start_on(listener, [TestKey::shared(0)]);
/// assert_eq!(issuer.jwks_url(), format!("{}/.well-known/jwks.json", issuer.url()));
/// issuer.cache_control("max-age=1");
/// issuer.publish([TestKey::shared(0), TestKey::shared(1)]);
/// issuer.publish_document(serde_json::json!({"keys": []}));
/// issuer.stop().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct TestIssuer {
    state: Arc<State>,
    server: ServerHandle,
}

impl TestIssuer {
    /// Starts an issuer that publishes these keys. It runs on the Tokio runtime of the caller.
    pub fn start<'a>(keys: impl IntoIterator<Item = &'a TestKey>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        Self::start_on(listener, keys)
    }

    /// Starts an issuer on a listener that was bound before.
    pub fn start_on<'a>(listener: TcpListener, keys: impl IntoIterator<Item = &'a TestKey>) -> Self {
        let address = listener.local_addr().expect("a bound port");
        let state = Arc::new(State {
            url: format!("http://{address}"),
            discovery: Mutex::default(),
            keys: Mutex::default(),
            set: Mutex::new(key_set(keys)),
            cache_control: Mutex::new("public, max-age=300".to_owned()),
            fetches: Default::default(),
        });
        let data = web::Data::from(Arc::clone(&state));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(data.clone())
                .route("/.well-known/openid-configuration", web::get().to(serve_discovery))
                .service(
                    web::resource("/.well-known/jwks.json")
                        .wrap(Compress::default())
                        .route(web::get().to(serve_keys)),
                )
                .default_service(web::to(serve_other))
        })
        .workers(1)
        .disable_signals()
        .shutdown_timeout(0)
        .listen(listener)
        .expect("a listening server")
        .run();
        let handle = server.handle();
        tokio::spawn(server);
        Self { state, server: handle }
    }

    /// The issuer's URL, as in the `iss` claim.
    pub fn url(&self) -> &str {
        &self.state.url
    }

    /// The URL of the key set.
    pub fn jwks_url(&self) -> String {
        format!("{}/.well-known/jwks.json", self.state.url)
    }

    /// Replaces the published keys.
    pub fn publish<'a>(&self, keys: impl IntoIterator<Item = &'a TestKey>) {
        self.publish_document(key_set(keys));
    }

    /// Publishes this document as the key set.
    pub fn publish_document(&self, document: Value) {
        set(&self.state.set, document);
    }

    /// Changes how the key set endpoint responds.
    pub fn keys_behave(&self, behaviour: Behaviour) {
        set(&self.state.keys, behaviour);
    }

    /// Changes how the discovery endpoint responds.
    pub fn discovery_behaves(&self, behaviour: Behaviour) {
        set(&self.state.discovery, behaviour);
    }

    /// Changes the `Cache-Control` header of the key set.
    pub fn cache_control(&self, value: &str) {
        set(&self.state.cache_control, value.to_owned());
    }

    /// How often each endpoint was requested so far.
    pub fn fetches(&self) -> Fetches {
        let [discovery, keys, not_modified, other] =
            [0, 1, 2, 3].map(|at: usize| self.state.fetches.get(at).map_or(0, |n| n.load(Ordering::SeqCst)));
        Fetches { discovery, keys, not_modified, other }
    }

    /// Stops the server and frees its port.
    pub async fn stop(self) {
        self.server.stop(false).await;
    }
}

impl Drop for TestIssuer {
    fn drop(&mut self) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(self.server.stop(false));
        }
    }
}

fn key_set<'a>(keys: impl IntoIterator<Item = &'a TestKey>) -> Value {
    json!({ "keys": keys.into_iter().map(TestKey::jwk).collect::<Vec<_>>() })
}

fn set<T>(place: &Mutex<T>, value: T) {
    *place.lock().unwrap_or_else(PoisonError::into_inner) = value;
}

fn get<T: Clone>(place: &Mutex<T>) -> T {
    place.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

impl State {
    fn count(&self, at: usize) {
        if let Some(counter) = self.fetches.get(at) {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    }
}

async fn serve_discovery(state: web::Data<State>) -> HttpResponse {
    state.count(0);
    let document = json!({
        "issuer": state.url,
        "jwks_uri": format!("{}/.well-known/jwks.json", state.url),
    });
    match misbehave(&get(&state.discovery)).await {
        Some(answer) => answer,
        None => HttpResponse::Ok().json(document),
    }
}

async fn serve_keys(state: web::Data<State>, request: HttpRequest) -> HttpResponse {
    state.count(1);
    let behaviour = get(&state.keys);
    if let Some(answer) = misbehave(&behaviour).await {
        return answer;
    }
    let mut document = get(&state.set).to_string();
    if matches!(behaviour, Behaviour::Huge | Behaviour::Bomb) {
        document.push_str(&" ".repeat(10_000_000));
    }
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, document.as_bytes());
    let etag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(digest));
    let cache_control = get(&state.cache_control);
    let asked = request.headers().get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let mut answer = if asked == Some(&etag) {
        state.count(2);
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    if !matches!(behaviour, Behaviour::Bomb) {
        // Tells the `Compress` middleware not to compress this response.
        answer.insert_header(ContentEncoding::Identity);
    }
    answer.insert_header((ETAG, etag.clone())).insert_header(("Cache-Control", cache_control));
    if asked == Some(&etag) {
        answer.finish()
    } else {
        answer.content_type("application/jwk-set+json").body(document)
    }
}

async fn serve_other(state: web::Data<State>) -> HttpResponse {
    state.count(3);
    HttpResponse::Ok().json(get(&state.set))
}

async fn misbehave(behaviour: &Behaviour) -> Option<HttpResponse> {
    match behaviour {
        Behaviour::Well | Behaviour::Huge | Behaviour::Bomb => None,
        Behaviour::Status(status) => {
            let status = actix_web::http::StatusCode::from_u16(*status).expect("a status");
            Some(HttpResponse::new(status))
        }
        Behaviour::Slowly(delay) => {
            tokio::time::sleep(*delay).await;
            None
        }
        Behaviour::Hang => std::future::pending().await,
        Behaviour::Html => {
            Some(HttpResponse::Ok().content_type("text/html").body("<!doctype html><title>Sorry</title>"))
        }
        Behaviour::Redirect(to) => Some(HttpResponse::Found().insert_header((LOCATION, to.clone())).finish()),
        Behaviour::Text(text) => Some(HttpResponse::Ok().content_type("application/json").body(text.clone())),
    }
}
