//! A revocation feed whose content the test decides.

use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpResponse, HttpServer, web};
use serde::Deserialize;
use serde_json::json;
use shared_claims::revocation::{RevocationFact, RevocationKind};

#[derive(Default)]
struct State {
    facts: Vec<RevocationFact>,
    is_down: bool,
}

type Shared = Arc<Mutex<State>>;

/// A feed server. It stops when dropped.
pub(crate) struct TestFeed {
    state: Shared,
    url: String,
    server: ServerHandle,
}

#[derive(Deserialize)]
struct FeedQuery {
    after: Option<usize>,
    wait: Option<u64>,
}

impl TestFeed {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/revocations", listener.local_addr().unwrap());
        let state = Shared::default();
        let data = web::Data::new(Arc::clone(&state));
        let server = HttpServer::new(move || {
            App::new().app_data(data.clone()).route("/revocations", web::get().to(serve_page))
        })
        .workers(1)
        .disable_signals()
        .shutdown_timeout(0)
        .listen(listener)
        .unwrap()
        .run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Self { state, url, server: handle }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Adds a revocation. `at` is the cut for a user or a client.
    pub(crate) fn revoke(&self, kind: RevocationKind, id: &str, at: Option<i64>) {
        let fact = RevocationFact { kind, id: id.to_owned(), at, exp: 4_000_000_000 };
        self.state.lock().unwrap().facts.push(fact);
    }

    /// Makes the feed response 500, or work again.
    pub(crate) fn set_down(&self, is_down: bool) {
        self.state.lock().unwrap().is_down = is_down;
    }
}

impl Drop for TestFeed {
    fn drop(&mut self) {
        actix_web::rt::spawn(self.server.stop(false));
    }
}

async fn serve_page(state: web::Data<Shared>, query: web::Query<FeedQuery>) -> HttpResponse {
    let after = query.after.unwrap_or(0);
    let rounds = query.wait.unwrap_or(0) * 100;
    for round in 0..=rounds {
        {
            let state = state.lock().unwrap();
            if state.is_down {
                return HttpResponse::InternalServerError().finish();
            }
            let new_facts = &state.facts[after..];
            if !new_facts.is_empty() || round == rounds {
                let cursor = state.facts.len().to_string();
                let page =
                    json!({ "epoch": "test", "cursor": cursor, "complete": true, "entries": new_facts });
                return HttpResponse::Ok().json(page);
            }
        }
        actix_web::rt::time::sleep(Duration::from_millis(10)).await;
    }
    HttpResponse::InternalServerError().finish()
}
