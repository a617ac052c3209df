//! The environment as a layer of settings: `AUTH__HTTP__BIND` sets `http.bind`.

use config::{Value, ValueKind};
use serde_json::Value as Json;

use super::error::{ConfigError, Origins};
use super::file::{Given, secret_from_file};
use super::known::{self, Known};

/// Reads every variable with the prefix. A variable that does not name a setting is an error: it is probably a typing
/// mistake, and ignoring it would silently leave the default. An empty variable counts as unset, because `${NAME:-}` in
/// a compose file produces one; an empty list is written `[]`.
pub(super) fn read(
    defaults: &Json,
    prefix: &str,
    variables: &[(String, String)],
    origins: &mut Origins,
) -> Result<Given, ConfigError> {
    let start = format!("{prefix}__");
    let mut given = Given::default();
    for (name, text) in variables {
        let Some(rest) = name.strip_prefix(&start) else { continue };
        let levels: Vec<String> = rest.split("__").map(str::to_ascii_lowercase).collect();
        let Some((key, kind)) = read_one(defaults, name, &levels, text)? else { continue };
        if let Some(other) = given.written(&key) {
            return Err(ConfigError::at(name, &format!("is given twice, also as {other}")));
        }
        origins.insert(key.clone(), name.clone());
        given.insert(key, name.clone(), Value::new(None, kind));
    }
    Ok(given)
}

/// The key and the value of a variable; `None` for an empty variable that names a setting.
fn read_one(
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
pub(super) fn secret_file_levels(defaults: &Json, levels: &[String]) -> Option<Vec<String>> {
    let (last, parents) = levels.split_last()?;
    let mut secret = parents.to_vec();
    secret.push(last.strip_suffix("_file")?.to_owned());
    match known::find(defaults, &secret) {
        Ok(Known::Leaf(Json::String(_) | Json::Array(_) | Json::Null)) => Some(secret),
        _ => None,
    }
}
