//! What serde says, as a problem that names the field.

use std::fmt::Display;

use shared_claims::problem::{FieldError, Problem};

use crate::http::Refusal;

/// 422 for a value of the wrong shape. `path` is where it stands.
pub(super) fn wrong_shape(path: &str, error: &impl Display) -> Refusal {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or(&text);
    let (field, message) = describe(path, text);
    Refusal::from(Problem::validation(vec![FieldError { field, message }])).because(error_kind(text))
}

fn describe(path: &str, text: &str) -> (String, String) {
    let named = |prefix: &str| {
        let rest = text.strip_prefix(prefix)?;
        rest.strip_prefix('`')?.split('`').next().map(str::to_owned)
    };
    let below = |name: String| if path == "." { name } else { format!("{path}.{name}") };
    if let Some(name) = named("missing field ") {
        return (below(name), "is required".to_owned());
    }
    if let Some(name) = named("duplicate field ") {
        return (below(name), "is given twice".to_owned());
    }
    if let Some(name) = named("unknown field ") {
        return (below(name), "is unknown".to_owned());
    }
    let field = if path == "." { "body".to_owned() } else { path.to_owned() };
    // serde puts the value before the word `expected`: the client knows it, and a log need not.
    let message = match text.rsplit_once(", expected ") {
        Some((_, expected)) => format!("must be {expected}"),
        None if text.starts_with("invalid ") => "is not valid".to_owned(),
        None => text.to_owned(),
    };
    (field, message)
}

/// The first words, without any value.
fn error_kind(text: &str) -> String {
    text.split([':', '`']).next().unwrap_or_default().trim().to_owned()
}
