//! Extractors and error responses for actix-web.
//!
//! ```
//! use actix_web::{App, HttpResponse, web};
//! use shared_claims::actix::{Authenticated, BearerAuth};
//! use shared_claims::{required_scope, verifier::Verifier};
//!
//! required_scope!(NotesRead, "notes:read");
//!
//! async fn notes(user: Authenticated<NotesRead>) -> HttpResponse {
//!     HttpResponse::Ok().body(format!("the notes of {}", user.sub))
//! }
//!
//! fn configure(config: &mut web::ServiceConfig, verifier: &Verifier) {
//!     let auth = web::Data::new(BearerAuth::new(verifier.clone()));
//!     config.app_data(auth).route("/notes", web::get().to(notes));
//! }
//! ```

mod authenticated;
mod bearer;
mod origin;
mod problem;
mod request;

pub use authenticated::{Authenticated, Extraction};
pub use bearer::BearerAuth;
pub use origin::{InvalidOrigin, OriginRule};
pub use problem::ProblemResponse;
pub use request::cookie;

pub use crate::require::AnyToken;
