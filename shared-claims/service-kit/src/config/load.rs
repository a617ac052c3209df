//! Combines the layers of settings.

use std::path::PathBuf;

use config::{Config, ValueKind};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{ConfigError, Origins, explain};
use super::{Validate, environment, file, known, secret};

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
    let mut origins = Origins::default();
    let file = match &spec.file {
        Some(path) => file::read(&defaults, path, &mut origins)?,
        None => file::Given::default(),
    };
    let environment = environment::read(&defaults, &spec.prefix, &spec.env, &mut origins)?;

    let ValueKind::Table(lowest) = known::to_layer(&defaults).kind else {
        return Err(ConfigError::new("the built-in defaults are no group of settings"));
    };
    let mut builder = Config::builder();
    for (key, value) in lowest {
        builder = builder.set_default(key, value).map_err(|error| ConfigError::new(error.to_string()))?;
    }
    let merged = builder
        .add_source(file)
        .add_source(environment)
        .build()
        .map_err(|error| ConfigError::new(explain(error).1))?;

    let settings: T = match merged.clone().try_deserialize() {
        Ok(settings) => settings,
        Err(error) => return Err(describe::<T>(merged, error, &origins)),
    };
    settings.validate().map_err(|invalid| {
        ConfigError::at(&origins.written(&invalid.key), &format!("must be {}", invalid.allowed))
    })?;
    Ok(settings)
}

/// The error message for a value that does not fit its type.
fn describe<T: DeserializeOwned>(
    merged: Config,
    error: config::ConfigError,
    origins: &Origins,
) -> ConfigError {
    let (key, mut what) = explain(error);
    if what.starts_with("enum ") {
        // The crate `config` does not list the allowed variants, but serde's own message does.
        let strict = merged.try_deserialize().and_then(|json: serde_json::Value| {
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
        Some(key) => ConfigError::at(&origins.written(&key), &what),
        None => ConfigError::new(what),
    }
}
