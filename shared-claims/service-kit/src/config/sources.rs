//! The file and the environment as layers of settings: `AUTH__HTTP__BIND` sets `http.bind`.

use std::collections::BTreeMap;
use std::path::Path;

use config::{File, Map, Source, Value, ValueKind};
use serde_json::Value as Json;

use super::error::{ConfigError, WrittenKeys, without_value};
use super::known::{self, Known};
use super::secret_file;
use super::url_password::{self, UrlPassword};

/// The dotted keys of one layer, each with the key as the user wrote it and its value; and the files with passwords of
/// URLs.
#[derive(Clone, Debug, Default)]
pub(super) struct Layer(BTreeMap<String, (String, Value)>, Vec<UrlPassword>);

impl Layer {
    pub(super) fn insert(&mut self, key: String, written: String, value: Value) {
        self.0.insert(key, (written, value));
    }

    pub(super) fn written(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(|(written, _)| written.as_str())
    }

    pub(super) fn url_passwords(&self) -> &[UrlPassword] {
        &self.1
    }
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, config::ConfigError> {
        Ok(self.0.iter().map(|(key, (_, value))| (key.clone(), value.clone())).collect())
    }
}

/// Reads the file. Its extension says whether it is TOML, YAML or JSON.
pub(super) fn read_file(
    defaults: &Json,
    path: &Path,
    written_keys: &mut WrittenKeys,
) -> Result<Layer, ConfigError> {
    let file_name = path.display().to_string();
    if let Err(error) = std::fs::metadata(path) {
        return Err(ConfigError::at(&file_name, &format!("cannot be read: {error}")));
    }
    let content = File::from(path).required(true).collect().map_err(|error| malformed(&file_name, &error))?;
    let mut layer = Layer::default();
    collect_settings(defaults, &file_name, &mut Vec::new(), content, &mut layer)?;
    for (key, (written, _)) in &layer.0 {
        written_keys.insert(key.clone(), written.clone());
    }
    Ok(layer)
}

/// The position at which the parser stopped. The parser's own message is not used, because it may quote secrets from
/// the file.
fn malformed(file_name: &str, error: &config::ConfigError) -> ConfigError {
    let config::ConfigError::FileParse { cause, .. } = error else {
        return ConfigError::at(
            file_name,
            match error {
                config::ConfigError::Type { .. } => "must hold a group of settings",
                _ => "must end in .toml, .yaml, .yml or .json, and be one",
            },
        );
    };
    let text = cause.to_string();
    if without_value(&text).starts_with("must be a map") {
        return ConfigError::at(file_name, "must hold a group of settings");
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
    ConfigError::at(file_name, &format!("is not what its ending says: cannot be parsed{place}"))
}

fn collect_settings(
    defaults: &Json,
    file_name: &str,
    levels: &mut Vec<String>,
    content: Map<String, Value>,
    layer: &mut Layer,
) -> Result<(), ConfigError> {
    for (name, value) in content {
        levels.push(name);
        let written = levels.join(".");
        match (known::find(defaults, levels), value.kind) {
            (Ok(Known::Group), ValueKind::Table(inner)) => {
                collect_settings(defaults, file_name, levels, inner, layer)?;
            }
            (Ok(Known::Group), _) => {
                return Err(ConfigError::at(&written, "is a group of settings, not a setting"));
            }
            (Ok(Known::Leaf(default)), kind) => {
                known::from_file(default, &kind).map_err(|allowed| ConfigError::at(&written, allowed))?;
                insert_once(layer, written.clone(), written, Value::new(None, kind))?;
            }
            (Ok(Known::Open), kind) => insert_once(layer, written.clone(), written, Value::new(None, kind))?,
            (Err(siblings), kind) => {
                if let (Some(url), ValueKind::String(path)) = (url_password::levels(defaults, levels), &kind)
                {
                    layer.1.push(UrlPassword::read(&url, &written, path)?);
                    levels.pop();
                    continue;
                }
                let (Some(secret), ValueKind::String(path)) = (secret_file_levels(defaults, levels), kind)
                else {
                    let place = format!("{written} in {file_name}");
                    let what = format!("unknown setting; known here: {siblings}");
                    return Err(ConfigError::at(&place, &what));
                };
                let kind = secret_from_file(defaults, &secret, &written, &path)?;
                insert_once(layer, secret.join("."), written, Value::new(None, kind))?;
            }
        }
        levels.pop();
    }
    Ok(())
}

fn insert_once(layer: &mut Layer, key: String, written: String, value: Value) -> Result<(), ConfigError> {
    if let Some(other) = layer.written(&key) {
        return Err(ConfigError::at(&written, &format!("is given twice, also as {other}")));
    }
    layer.insert(key, written, value);
    Ok(())
}

/// The content of a secret's file: one secret, or for a list of secrets one per line or a JSON array.
fn secret_from_file(
    defaults: &Json,
    levels: &[String],
    written: &str,
    path: &str,
) -> Result<ValueKind, ConfigError> {
    let text = secret_file::read(written, path)?;
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

/// Reads every variable with the prefix. A variable that does not name a setting is an error: it is probably a typing
/// mistake, and ignoring it would silently leave the default. An empty variable counts as unset, because `${NAME:-}` in
/// a compose file produces one; an empty list is written `[]`.
pub(super) fn read_environment(
    defaults: &Json,
    prefix: &str,
    variables: &[(String, String)],
    written_keys: &mut WrittenKeys,
) -> Result<Layer, ConfigError> {
    let start = format!("{prefix}__");
    let mut layer = Layer::default();
    for (name, text) in variables {
        let Some(rest) = name.strip_prefix(&start) else { continue };
        let levels: Vec<String> = rest.split("__").map(str::to_ascii_lowercase).collect();
        if let Some(url) = url_password::levels(defaults, &levels) {
            if !text.is_empty() {
                layer.1.push(UrlPassword::read(&url, name, text)?);
            }
            continue;
        }
        let Some((key, kind)) = read_variable(defaults, name, &levels, text)? else { continue };
        if let Some(other) = layer.written(&key) {
            return Err(ConfigError::at(name, &format!("is given twice, also as {other}")));
        }
        written_keys.insert(key.clone(), name.clone());
        layer.insert(key, name.clone(), Value::new(None, kind));
    }
    Ok(layer)
}

/// The key and the value of a variable; `None` for an empty variable that names a setting.
fn read_variable(
    defaults: &Json,
    name: &str,
    levels: &[String],
    text: &str,
) -> Result<Option<(String, ValueKind)>, ConfigError> {
    let (levels, kind) = match known::find(defaults, levels) {
        Ok(Known::Group) => return Err(ConfigError::at(name, "is a group of settings, not a setting")),
        Ok(_) if text.is_empty() => return Ok(None),
        Ok(Known::Leaf(default)) => {
            let kind = known::from_text(default, text).map_err(|allowed| ConfigError::at(name, allowed))?;
            (levels.to_vec(), kind)
        }
        Ok(Known::Open) => (levels.to_vec(), ValueKind::String(text.to_owned())),
        Err(siblings) => {
            let Some(secret) = secret_file_levels(defaults, levels) else {
                let names = siblings.to_ascii_uppercase();
                return Err(ConfigError::at(name, &format!("unknown setting; known here: {names}")));
            };
            if text.is_empty() {
                return Ok(None);
            }
            let kind = secret_from_file(defaults, &secret, name, text)?;
            (secret, kind)
        }
    };
    Ok(Some((levels.join("."), kind)))
}

/// The levels of the secret that a variable ending in `_FILE` stands for.
fn secret_file_levels(defaults: &Json, levels: &[String]) -> Option<Vec<String>> {
    let (last, parents) = levels.split_last()?;
    let mut secret = parents.to_vec();
    secret.push(last.strip_suffix("_file")?.to_owned());
    match known::find(defaults, &secret) {
        Ok(Known::Leaf(Json::String(_) | Json::Array(_) | Json::Null)) => Some(secret),
        _ => None,
    }
}
