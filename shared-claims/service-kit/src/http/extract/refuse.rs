//! Turns serde's errors into problems that name the field.

use std::fmt::Display;

use shared_claims::problem::{FieldError, Problem};

use crate::http::HttpError;

/// A 422 response for a value of the wrong type or form. `path` is the position of the value.
pub(super) fn invalid_value(path: &str, error: &impl Display) -> HttpError {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or(&text);
    let (field, message) = describe(path, text);
    HttpError::from(Problem::validation(vec![FieldError { field, message }])).with_cause(message_prefix(text))
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
    // serde puts the value before the word `expected`. It is removed: the client knows it, and it need not be logged.
    let message = match text.rsplit_once(", expected ") {
        Some((_, expected)) => format!("must be {}", json_type_name(expected)),
        None => rewrite_message(text).to_owned(),
    };
    (field, message)
}

/// Describes Rust's types in terms of JSON.
fn json_type_name(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, not negative",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        structure if structure.starts_with("struct ") => "an object",
        other => other,
    }
}

/// Rewords the standard library's messages about numbers in a form.
fn rewrite_message(text: &str) -> &str {
    match text {
        "invalid digit found in string" | "cannot parse integer from empty string" => {
            "must be a whole number"
        }
        "number too large to fit in target type" => "is too large",
        "number too small to fit in target type" => "is too small",
        "provided string was not `true` or `false`" => "must be true or false",
        value if value.starts_with("invalid ") => "is not valid",
        other => other,
    }
}

/// The first words of the message, without any value.
fn message_prefix(text: &str) -> String {
    text.split([':', '`']).next().unwrap_or_default().trim().to_owned()
}
