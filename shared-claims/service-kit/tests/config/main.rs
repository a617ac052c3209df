//! Settings as an operator writes them, and the error line that stops the start.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod errors;
mod secrets;
mod sources;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use service_kit::config::{
    InvalidSetting, LoadSpec, Secret, UrlWithSecret, Validate, in_range, load, render,
};
use service_kit::database::DatabaseSettings;
use service_kit::http::HttpSettings;
use service_kit::telemetry::LogSettings;

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    issuer: String,
    http: HttpSettings,
    log: LogSettings,
    database: DatabaseSettings,
    passwords: Passwords,
    keys: Keys,
    revocation: Revocation,
    apps: Vec<App>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct App {
    id: String,
    secret: Option<Secret>,
    #[serde(default)]
    scopes: Vec<String>,
    seconds: Option<u32>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Passwords {
    bcrypt_cost: u32,
    peppered: bool,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { bcrypt_cost: 12, peppered: true }
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Keys {
    encryption_key: Option<Secret>,
    previous: Vec<Secret>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Revocation {
    redis_url: Option<UrlWithSecret>,
    max_entries: Option<u32>,
}

impl Validate for Settings {
    fn validate(&self) -> Result<(), InvalidSetting> {
        self.http.validate().map_err(|error| error.under("http"))?;
        self.log.validate().map_err(|error| error.under("log"))?;
        self.database.validate().map_err(|error| error.under("database"))?;
        in_range("passwords.bcrypt_cost", self.passwords.bcrypt_cost, 4..=31)
    }
}

fn from(file: Option<(&str, &str)>, env: &[(&str, &str)]) -> Result<Settings, String> {
    let folder = tempfile::tempdir().unwrap();
    let file = file.map(|(name, content)| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    });
    let env = env.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let result = load(LoadSpec { prefix: "AUTH".to_owned(), file, env });
    result.map_err(|error| {
        let line = error.to_string();
        assert!(!line.contains('\n'), "more than one line: {line}");
        line.replace(&folder.path().display().to_string(), "DIR")
    })
}

fn env(name: &str, text: &str) -> Result<Settings, String> {
    from(None, &[(name, text)])
}

fn toml(content: &str) -> Result<Settings, String> {
    from(Some(("settings.toml", content)), &[])
}
