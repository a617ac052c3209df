//! HTTP behaviour that all responses of both services have in common.
//!
//! [`app`] is an actix-web application with this behaviour. Routes are added with [`resource`], which handles `HEAD`
//! and responds to a method that a path does not have with 405 and `Allow`.

mod body;
mod client;
mod context;
mod cors;
mod error;
mod extract;
mod middleware;
mod network;
mod path;
mod resource;
mod response;
mod response_future;
mod settings;

pub use body::{BODY_LIMIT, BodyError};
pub use client::ClientAddress;
pub use context::{RequestId, add_to_response};
pub use cors::{Cors, OriginCheck};
pub use error::{HttpError, problem_response};
pub use extract::{Form, Json, Path, Query, form_body, parameters};
pub use middleware::{Gate, HttpMiddleware, app};
pub use network::{Network, is_loopback_authority, is_loopback_url};
pub(crate) use path::HadTrailingSlash;
pub use path::{BasePath, is_base_path};
pub use resource::{Endpoint, resource};
pub(crate) use response::CHUNK_SIZE;
pub use settings::{CookieRules, CookieSettings, HttpSettings};
