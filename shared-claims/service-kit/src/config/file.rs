//! The file as a layer of settings, and code that it shares with the environment layer.

use std::collections::BTreeMap;
use std::path::Path;

use config::{File, Map, Source, Value, ValueKind};
use serde_json::Value as Json;

use super::environment::secret_file_levels;
use super::error::{ConfigError, Origins, without_value};
use super::known::{self, Known};
use super::secret::trimmed;

/// The dotted keys of one layer, each with the key as the user wrote it and its value.
#[derive(Clone, Debug, Default)]
pub(super) struct Given(BTreeMap<String, (String, Value)>);

impl Given {
    pub(super) fn insert(&mut self, key: String, written: String, value: Value) {
        self.0.insert(key, (written, value));
    }

    pub(super) fn written(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(|(written, _)| written.as_str())
    }
}

impl Source for Given {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, config::ConfigError> {
        Ok(self.0.iter().map(|(key, (_, value))| (key.clone(), value.clone())).collect())
    }
}

/// Reads the file. Its extension says whether it is TOML, YAML or JSON.
pub(super) fn read(defaults: &Json, path: &Path, origins: &mut Origins) -> Result<Given, ConfigError> {
    let shown = path.display().to_string();
    if let Err(error) = std::fs::metadata(path) {
        return Err(ConfigError::at(&shown, &format!("cannot be read: {error}")));
    }
    let content = File::from(path).required(true).collect().map_err(|error| malformed(&shown, &error))?;
    let mut given = Given::default();
    collect(defaults, &shown, &mut Vec::new(), content, &mut given)?;
    for (key, (written, _)) in &given.0 {
        origins.insert(key.clone(), written.clone());
    }
    Ok(given)
}

/// The position at which the parser stopped. The parser's own message is not used, because it may quote secrets from
/// the file.
fn malformed(shown: &str, error: &config::ConfigError) -> ConfigError {
    let config::ConfigError::FileParse { cause, .. } = error else {
        return ConfigError::at(
            shown,
            match error {
                config::ConfigError::Type { .. } => "must hold a group of settings",
                _ => "must end in .toml, .yaml, .yml or .json, and be one",
            },
        );
    };
    let text = cause.to_string();
    if without_value(&text).starts_with("must be a map") {
        return ConfigError::at(shown, "must hold a group of settings");
    }
    let number = |word: &str| -> Option<u32> {
        let (_, rest) = text.split_once(word)?;
        let digits = rest.split(|character: char| !character.is_ascii_digit()).next()?;
        digits.parse().ok()
    };
    let place = match (number("line "), number("column ")) {
        (Some(line), Some(column)) => format!(" at line {line}, column {column}"),
        _ => String::new(),
    };
    ConfigError::at(shown, &format!("is not what its ending says: cannot be parsed{place}"))
}

fn collect(
    defaults: &Json,
    shown: &str,
    levels: &mut Vec<String>,
    content: Map<String, Value>,
    given: &mut Given,
) -> Result<(), ConfigError> {
    for (name, value) in content {
        levels.push(name);
        let written = levels.join(".");
        match (known::find(defaults, levels), value.kind) {
            (Ok(Known::Group), ValueKind::Table(inner)) => {
                collect(defaults, shown, levels, inner, given)?;
            }
            (Ok(Known::Group), _) => {
                return Err(ConfigError::at(&written, "is a group of settings, not a setting"));
            }
            (Ok(Known::Leaf(default)), kind) => {
                known::from_file(default, &kind).map_err(|allowed| ConfigError::at(&written, allowed))?;
                insert_once(given, written.clone(), written, Value::new(None, kind))?;
            }
            (Ok(Known::Open), kind) => insert_once(given, written.clone(), written, Value::new(None, kind))?,
            (Err(siblings), kind) => {
                let (Some(secret), ValueKind::String(path)) = (secret_file_levels(defaults, levels), kind)
                else {
                    let place = format!("{written} in {shown}");
                    let what = format!("unknown setting; known here: {siblings}");
                    return Err(ConfigError::at(&place, &what));
                };
                let kind = secret_from_file(defaults, &secret, &written, &path)?;
                insert_once(given, secret.join("."), written, Value::new(None, kind))?;
            }
        }
        levels.pop();
    }
    Ok(())
}

fn insert_once(given: &mut Given, key: String, written: String, value: Value) -> Result<(), ConfigError> {
    if let Some(other) = given.written(&key) {
        return Err(ConfigError::at(&written, &format!("is given twice, also as {other}")));
    }
    given.insert(key, written, value);
    Ok(())
}

/// The content of a secret's file: one secret, or for a list of secrets one per line or a JSON array.
pub(super) fn secret_from_file(
    defaults: &Json,
    levels: &[String],
    written: &str,
    path: &str,
) -> Result<ValueKind, ConfigError> {
    let text = read_secret_file(written, path)?;
    Ok(match known::find(defaults, levels) {
        Ok(Known::Leaf(Json::Array(_))) => match known::json_list(&text) {
            Some(list) => list,
            None => known::plain_list(text.lines()),
        },
        _ if text.is_empty() => {
            return Err(ConfigError::at(written, "must name a file that holds the value: this one is empty"));
        }
        _ => ValueKind::String(text),
    })
}

/// Reads a secret's file and trims its content.
fn read_secret_file(written: &str, path: &str) -> Result<String, ConfigError> {
    let text = std::fs::read_to_string(trimmed(path))
        .map_err(|error| ConfigError::at(written, &format!("must name a readable text file: {error}")))?;
    Ok(trimmed(&text).to_owned())
}
