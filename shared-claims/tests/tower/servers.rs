//! The same small service, with actix-web and with axum.

use std::net::TcpListener;

use actix_web::{App, HttpServer, web};
use axum::{Extension, Router, routing};
use shared_claims::actix::{Authenticated, BearerAuth};
use shared_claims::tower::BearerLayer;
use shared_claims::verifier::{Verified, Verifier};
use tokio::task::JoinHandle;

use crate::support::{Admin, COOKIE, LISTED, TodosWrite};

/// A service on its own port. It stops when it is dropped.
pub(crate) struct Server {
    pub(crate) url: String,
    task: JoinHandle<()>,
}

impl Server {
    pub(crate) fn actix(verifier: Verifier) -> Self {
        let auth = BearerAuth::new(verifier).cookie(COOKIE).allowed_origins([LISTED]).unwrap();
        let auth = web::Data::new(auth);
        let (listener, url) = bind();
        let app = move || {
            App::new()
                .app_data(auth.clone())
                .route("/open", web::get().to(async || "open"))
                .route("/whoami", web::route().to(async |user: Authenticated| user.sub.clone()))
                .route("/write", web::route().to(async |user: Authenticated<TodosWrite>| user.sub.clone()))
                .route("/admin", web::route().to(async |user: Authenticated<Admin>| user.sub.clone()))
                .route(
                    "/both",
                    web::route().to(async |user: Authenticated<(Admin, TodosWrite)>| user.sub.clone()),
                )
        };
        let server = HttpServer::new(app).workers(1).disable_signals().shutdown_timeout(0);
        let server = server.listen(listener).unwrap().run();
        Self { url, task: tokio::spawn(async { server.await.unwrap() }) }
    }

    pub(crate) fn axum(verifier: Verifier) -> Self {
        let bearer = BearerLayer::new(verifier).cookie(COOKIE).allowed_origins([LISTED]).unwrap();
        // Three places for the layer: in front of a router, of its routes, and of one handler.
        let whoami = Router::new().route("/whoami", routing::any(sub)).layer(bearer.clone());
        let write = Router::new().route("/write", routing::any(sub));
        let write = write.route_layer(bearer.require::<TodosWrite>());
        let app = Router::new()
            .route("/open", routing::get(async || "open"))
            .route("/admin", routing::any(sub).layer(bearer.require::<Admin>()))
            .route("/both", routing::any(sub).layer(bearer.require::<(Admin, TodosWrite)>()))
            .merge(whoami)
            .merge(write);
        let (listener, url) = bind();
        listener.set_nonblocking(true).unwrap();
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        Self { url, task: tokio::spawn(async { axum::serve(listener, app).await.unwrap() }) }
    }
}

async fn sub(Extension(user): Extension<Verified>) -> String {
    user.sub.clone()
}

fn bind() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}
