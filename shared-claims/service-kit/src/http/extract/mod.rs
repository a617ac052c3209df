//! Extractors that refuse invalid input with a problem that names the field.

mod body;
mod form;
mod json;
mod path;
mod refuse;

pub use body::{BODY_LIMIT, BodyError};
pub use form::{Form, Query, form_body, parameters};
pub use json::Json;
pub use path::Path;
