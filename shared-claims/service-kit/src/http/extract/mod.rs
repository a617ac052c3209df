//! Extractors that refuse invalid input with a problem that names the field.

mod body;
mod form;
mod json;
mod path;
mod refuse;

pub use body::{BODY_LIMIT, require_identity_encoding};
pub use form::{Form, Query};
pub use json::Json;
pub use path::Path;
