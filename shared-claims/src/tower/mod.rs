//! A layer for tower, and so for axum and tonic. Only requests with a valid token pass it.
//!
//! With axum, put the layer in front of a router or some of its routes. A handler takes the verified token from the
//! extensions:
//!
//! ```
//! use axum::{Extension, Router, routing};
//! use shared_claims::required_scope;
//! use shared_claims::tower::BearerLayer;
//! use shared_claims::verifier::{Verified, Verifier};
//!
//! required_scope!(NotesRead, "notes:read");
//! required_scope!(NotesWrite, "notes:write");
//!
//! async fn list(Extension(user): Extension<Verified>) -> String {
//!     format!("the notes of {}", user.sub)
//! }
//! # async fn add() {}
//!
//! fn app(verifier: Verifier) -> Router {
//!     let bearer = BearerLayer::new(verifier);
//!     Router::new()
//!         .route("/notes", routing::get(list).layer(bearer.require::<NotesRead>()))
//!         .route("/notes/new", routing::post(add).layer(bearer.require::<NotesWrite>()))
//! }
//! ```
//!
//! With tonic, put it in front of all services, or in front of one with `tonic::service::LayerExt`:
//!
//! ```no_run
//! use shared_claims::require::Requirement;
//! use shared_claims::tower::BearerLayer;
//! use shared_claims::verifier::{Verified, Verifier};
//! use tonic::{Request, Status};
//!
//! shared_claims::required_scope!(NotesWrite, "notes:write");
//!
//! // In a method of the service:
//! async fn add(request: Request<()>) -> Result<String, Status> {
//!     let user = request.extensions().get::<Verified>().ok_or_else(|| Status::internal("no layer"))?;
//!     NotesWrite::check(user).map_err(|denied| Status::permission_denied(denied.to_string()))?;
//!     Ok(format!("a note of {}", user.sub))
//! }
//!
//! # fn start(verifier: Verifier) {
//! let server = tonic::transport::Server::builder().layer(BearerLayer::new(verifier));
//! # }
//! ```
//!
//! The layer answers every other request. An HTTP request gets exactly the response that the extractors of actix-web
//! send. A gRPC call (a POST of `application/grpc`) gets HTTP 200 with a gRPC status and no message: `UNAUTHENTICATED`
//! where HTTP has 401 or 400, `PERMISSION_DENIED` for 403, `UNAVAILABLE` for 503. The challenge is in
//! `www-authenticate`, and `grpc-retry-pushback-ms` says when a retry makes sense.

mod body;
mod layer;
mod response;
mod service;

pub use body::ResponseBody;
pub use layer::BearerLayer;
pub use service::{BearerService, ResponseFuture};

pub use crate::bearer::InvalidOrigin;
