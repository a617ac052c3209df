//! Loads the settings from their layers, and prints the effective settings for the command `check-config`.

use std::path::PathBuf;

use config::{Config, ValueKind};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::{ConfigError, WrittenKeys, explain};
use super::{Validate, known, secret, sources, url_password};

/// The sources of the settings.
#[derive(Clone, Default)]
pub struct LoadSpec {
    /// The prefix of the environment variables, before `__`: `AUTH` or `TODO`.
    pub prefix: String,
    /// The file named by `--config`.
    pub file: Option<PathBuf>,
    /// The environment variables.
    pub env: Vec<(String, String)>,
}

impl LoadSpec {
    /// Uses the environment of this process. Fails if a variable with the prefix is not UTF-8.
    pub fn from_process(prefix: &str, file: Option<PathBuf>) -> Result<Self, ConfigError> {
        let start = format!("{prefix}__");
        let mut env = Vec::new();
        for (name, text) in std::env::vars_os() {
            let Some(name) = name.to_str().filter(|name| name.starts_with(&start)) else { continue };
            let text = text.into_string().map_err(|_| ConfigError::at(name, "must be UTF-8"))?;
            env.push((name.to_owned(), text));
        }
        Ok(Self { prefix: prefix.to_owned(), file, env })
    }
}

/// Loads the settings: `T::default()`, overridden by the file, overridden by the environment. Then calls [`Validate`].
#[expect(
    clippy::needless_pass_by_value,
    reason = "what it holds may be secret, and is not needed any longer"
)]
pub fn load<T>(spec: LoadSpec) -> Result<T, ConfigError>
where
    T: Default + Serialize + DeserializeOwned + Validate,
{
    let defaults = secret::revealed(|| serde_json::to_value(T::default()))
        .map_err(|error| ConfigError::new(format!("the built-in defaults: {error}")))?;
    let mut written_keys = WrittenKeys::default();
    let file = match &spec.file {
        Some(path) => sources::read_file(&defaults, path, &mut written_keys)?,
        None => sources::Layer::default(),
    };
    let environment = sources::read_environment(&defaults, &spec.prefix, &spec.env, &mut written_keys)?;

    let ValueKind::Table(lowest) = known::to_layer(&defaults).kind else {
        return Err(ConfigError::new("the built-in defaults are no group of settings"));
    };
    let passwords = [file.url_passwords(), environment.url_passwords()].concat();
    let mut builder = Config::builder();
    for (key, value) in lowest {
        builder = builder.set_default(key, value).map_err(|error| ConfigError::new(error.to_string()))?;
    }
    let merged = builder
        .add_source(file)
        .add_source(environment)
        .build()
        .map_err(|error| ConfigError::new(explain(error).1))?;
    let merged = url_password::insert(merged, &passwords)?;

    let settings: T = match merged.clone().try_deserialize() {
        Ok(settings) => settings,
        Err(error) => return Err(describe::<T>(merged, error, &written_keys)),
    };
    settings.validate().map_err(|invalid| {
        ConfigError::at(&written_keys.written(&invalid.key), &format!("must be {}", invalid.allowed))
    })?;
    Ok(settings)
}

/// The error message for a value that does not fit its type.
fn describe<T: DeserializeOwned>(
    merged: Config,
    error: config::ConfigError,
    written_keys: &WrittenKeys,
) -> ConfigError {
    let (key, mut what) = explain(error);
    if what.starts_with("enum ") {
        // The crate `config` does not list the allowed variants, but serde's own message does.
        let strict = merged.try_deserialize().and_then(|json: Value| {
            serde_json::from_value::<T>(json).map_err(|error| config::ConfigError::Message(error.to_string()))
        });
        what = match strict.err().map(explain) {
            Some((_, words)) if words.starts_with("must be") => {
                words.replacen("must be one of", "must be", 1)
            }
            _ => "must be one of the names in the documentation".to_owned(),
        };
    }
    match key {
        Some(key) => ConfigError::at(&written_keys.written(&key), &what),
        None => ConfigError::new(what),
    }
}

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
