//! Prints the effective settings for the command `check-config`.

use serde::Serialize;
use serde_json::Value;

use super::ConfigError;

/// The settings as TOML, one line per key, with secrets masked.
pub fn render<T: Serialize>(settings: &T) -> Result<String, ConfigError> {
    let tree = serde_json::to_value(settings).map_err(|error| ConfigError::new(error.to_string()))?;
    let mut lines = String::new();
    write_lines(&mut lines, "", &tree);
    Ok(lines)
}

fn write_lines(lines: &mut String, key: &str, value: &Value) {
    match value {
        Value::Object(group) => {
            for (name, inner) in group {
                let name = quoted(name);
                let key = if key.is_empty() { name } else { format!("{key}.{name}") };
                write_lines(lines, &key, inner);
            }
        }
        // TOML has no null.
        Value::Null => lines.extend(["# ", key, " is unset\n"]),
        _ => lines.extend([key, " = ", &inline(value), "\n"]),
    }
}

/// A value within a line. TOML's inline tables differ from JSON objects, and TOML has no null.
fn inline(value: &Value) -> String {
    let listed = |open: &str, items: Vec<String>, close: &str| format!("{open}{}{close}", items.join(", "));
    match value {
        Value::Array(items) => listed("[", items.iter().map(inline).collect(), "]"),
        Value::Object(members) => {
            let given = members.iter().filter(|(_, value)| !value.is_null());
            listed(
                "{ ",
                given.map(|(name, value)| format!("{} = {}", quoted(name), inline(value))).collect(),
                " }",
            )
        }
        plain => plain.to_string(),
    }
}

fn quoted(name: &str) -> String {
    if is_bare(name) { name.to_owned() } else { Value::from(name).to_string() }
}

fn is_bare(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}
