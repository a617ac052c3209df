//! Rules for values that were parsed.

use std::fmt::Display;
use std::ops::RangeInclusive;

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
