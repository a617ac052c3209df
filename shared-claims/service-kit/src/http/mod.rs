//! HTTP manners: what every answer of both services has in common.
//!
//! [`app`] is an actix application with all of it in place; routes are added by [`resource`], which answers `HEAD`
//! and, for a method that is not there, 405 with `Allow`.

mod answer;
mod app;
mod bare;
mod client;
mod context;
mod cors;
mod extract;
mod front;
mod loopback;
mod moment;
mod network;
mod path;
mod pieces;
mod request_id;
mod resource;
mod security;
mod serving;
mod settings;
mod visit;

pub use answer::{HttpError, problem_response};
pub use app::app;
pub use client::ClientAddress;
pub use cors::{Cors, OriginCheck};
pub use extract::{BODY_LIMIT, BodyError, Form, Json, Path, Query, form_body, parameters};
pub use front::Front;
pub use loopback::{is_loopback_authority, is_loopback_url};
pub use moment::{parse_rfc3339, rfc3339};
pub use network::Network;
pub(crate) use path::HadTrailingSlash;
pub use path::{BasePath, is_base_path};
pub(crate) use pieces::PIECE;
pub use request_id::RequestId;
pub use resource::{Endpoint, resource};
pub use settings::{CookieRules, CookieSettings, HttpSettings};
