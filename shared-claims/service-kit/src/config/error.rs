//! The errors that stop the start, each as one line, and the rules for values that were parsed.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeInclusive;

use config::ConfigError as LayerError;

/// An error in the settings: one line with the key as the user wrote it, and what is allowed. It never contains a
/// value, because the value may be a secret that was given for the wrong key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

impl ConfigError {
    pub(super) fn new(line: impl Into<String>) -> Self {
        Self(line.into().replace(['\n', '\r'], " "))
    }

    pub(super) fn at(key: &str, what: &str) -> Self {
        Self::new(format!("{key}: {what}"))
    }
}

/// Where each key was given, as the user wrote it.
#[derive(Debug, Default)]
pub(super) struct WrittenKeys(BTreeMap<String, String>);

impl WrittenKeys {
    pub(super) fn insert(&mut self, key: String, written: String) {
        self.0.insert(key, written);
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// The key as the user wrote it; the dotted key if it was not given. For an item of a list, the key of the list was
    /// given; if the items have fields (`clients[0].name`), the item and the field are added.
    pub(super) fn written(&self, key: &str) -> String {
        let (list, place) = key.split_at(key.find('[').unwrap_or(key.len()));
        let written = self.get(list).unwrap_or(list);
        match place.rsplit_once(']') {
            // The crate `config` writes `clients[0]name`.
            Some((item, part)) if !part.is_empty() => {
                format!("{written}{item}].{}", part.trim_start_matches('.'))
            }
            _ => written.to_owned(),
        }
    }
}

/// The key and the message of an error of the crate `config`.
pub(super) fn explain(error: LayerError) -> (Option<String>, String) {
    match error {
        LayerError::Type { expected, key, .. } => (key, format!("must be {}", describe_integer(expected))),
        LayerError::At { error, key, .. } => {
            let (inner, what) = explain(*error);
            (key.or(inner), what)
        }
        LayerError::NotFound(key) => (Some(key), "is required".to_owned()),
        LayerError::Message(message) => (None, without_value(&message)),
        other => (None, without_value(&other.to_string())),
    }
}

fn describe_integer(expected: &str) -> String {
    match expected.split_once("signed ") {
        Some((before, bits)) if before.ends_with("un") => format!("a whole number from 0 ({bits})"),
        Some((_, bits)) => format!("a whole number ({bits})"),
        None => expected.to_owned(),
    }
}

/// Removes the value, which serde puts before the word `expected`.
pub(super) fn without_value(message: &str) -> String {
    let quotes_value = ["invalid type", "invalid value", "invalid length", "unknown variant"];
    if let Some(unknown) = message.strip_prefix("unknown field ") {
        return format!("unknown setting {}", unknown.replacen(", expected", "; known here:", 1));
    }
    if quotes_value.iter().any(|start| message.starts_with(start)) {
        return match message.rsplit_once(", expected ") {
            Some((_, expected)) => format!("must be {expected}"),
            None => "is not allowed".to_owned(),
        };
    }
    match message {
        "invalid socket address syntax" => "must be an IP address and a port, like 127.0.0.1:8000".to_owned(),
        // Messages of other crates: text in quotes is the given value, so it is removed.
        other => match other.split_once('"') {
            Some((before, _)) => format!("is not allowed ({})", before.trim_end_matches([' ', ':', ','])),
            None => other.to_owned(),
        },
    }
}

/// A setting of the right type whose value is not allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: must be {allowed}")]
pub struct InvalidSetting {
    /// The dotted key, relative to the struct whose `validate` failed.
    pub key: String,
    /// What is allowed, as words that follow "must be". Never contains the value.
    pub allowed: String,
}

impl InvalidSetting {
    /// `key` must be `allowed`.
    pub fn new(key: impl Into<String>, allowed: impl Into<String>) -> Self {
        Self { key: key.into(), allowed: allowed.into() }
    }

    /// The same error, with the key relative to the parent struct.
    #[must_use]
    pub fn under(self, parent: &str) -> Self {
        Self { key: format!("{parent}.{}", self.key), ..self }
    }
}

/// Rules beyond the types of settings. Call the parts' `validate` with `.map_err(|e| e.under("part"))`.
pub trait Validate {
    /// Returns the first rule that is broken.
    fn validate(&self) -> Result<(), InvalidSetting> {
        Ok(())
    }
}

/// The value must be in this range.
pub fn in_range<N: PartialOrd + Display + Copy>(
    key: &str,
    value: N,
    range: RangeInclusive<N>,
) -> Result<(), InvalidSetting> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(InvalidSetting::new(key, format!("from {} to {}", range.start(), range.end())))
}
