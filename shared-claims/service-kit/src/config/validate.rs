//! Rules over values that parsed.

use std::fmt::Display;
use std::ops::RangeInclusive;

/// A setting that parsed and yet cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: must be {allowed}")]
pub struct InvalidSetting {
    /// The key, dotted, from where the failing `validate` stands.
    pub key: String,
    /// What is allowed, in words that follow "must be". Never the value.
    pub allowed: String,
}

impl InvalidSetting {
    /// `key` must be `allowed`.
    pub fn new(key: impl Into<String>, allowed: impl Into<String>) -> Self {
        Self { key: key.into(), allowed: allowed.into() }
    }

    /// The same seen from one level up.
    #[must_use]
    pub fn under(self, parent: &str) -> Self {
        Self { key: format!("{parent}.{}", self.key), ..self }
    }
}

/// What settings promise beyond their types. Call the parts' `validate` with `.map_err(|e| e.under("part"))`.
pub trait Validate {
    /// The first rule that is broken.
    fn validate(&self) -> Result<(), InvalidSetting> {
        Ok(())
    }
}

/// The commonest rule.
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
