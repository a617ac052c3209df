//! The settings under `passwords.`.

use serde::{Deserialize, Serialize};
use service_kit::config::{InvalidSetting, Validate, in_range};
use url::Url;

/// Password rules and hashing.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PasswordSettings {
    /// The fewest characters of a new password.
    pub min_length: usize,
    /// The most characters of a new password.
    pub max_length: usize,
    /// bcrypt's cost: the binary logarithm of its rounds. A cost below 10 is for tests only.
    pub bcrypt_cost: u32,
    /// The number of hashes computed at the same time; 0: one per core.
    pub workers: usize,
    /// The number of logins that may wait for a hash. Further ones are refused.
    pub queue_limit: usize,
    /// The longest time that a login may wait for a hash, in milliseconds. Whoever would wait longer is refused at once.
    pub max_wait_ms: u64,
    /// The address of a range service for passwords of data leaks; unset: none is asked.
    pub breach_check_url: Option<String>,
}

impl Default for PasswordSettings {
    fn default() -> Self {
        Self {
            min_length: 12,
            max_length: 256,
            bcrypt_cost: 12,
            workers: 0,
            queue_limit: 64,
            max_wait_ms: 2000,
            breach_check_url: None,
        }
    }
}

impl Validate for PasswordSettings {
    fn validate(&self) -> Result<(), InvalidSetting> {
        in_range("min_length", self.min_length, 8..=64)?;
        in_range("max_length", self.max_length, 64..=4096)?;
        in_range("bcrypt_cost", self.bcrypt_cost, 4..=15)?;
        in_range("workers", self.workers, 0..=1024)?;
        in_range("queue_limit", self.queue_limit, 1..=100_000)?;
        in_range("max_wait_ms", self.max_wait_ms, 100..=60_000)?;
        if self.breach_check_url.is_some() && self.breach_check().is_none() {
            let wanted = "an http or https URL without user name, query and fragment";
            return Err(InvalidSetting::new("breach_check_url", wanted));
        }
        Ok(())
    }
}

impl PasswordSettings {
    /// The parsed address of the range service, if one is set and can be used.
    pub fn breach_check(&self) -> Option<Url> {
        let url = Url::parse(self.breach_check_url.as_deref()?).ok()?;
        is_range_service(&url).then_some(url)
    }
}

/// Whether the beginning of a hash can be appended to the URL as the last segment of its path.
fn is_range_service(url: &Url) -> bool {
    ["http", "https"].contains(&url.scheme())
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_service_is_a_plain_url() {
        for (url, is_fine) in [
            ("https://api.example/range", true),
            ("http://10.0.0.7:8080", true),
            ("https://user@api.example/range", false),
            ("https://api.example/range?key=1", false),
            ("https://api.example/range#x", false),
            ("ftp://api.example/range", false),
            ("api.example/range", false),
            ("", false),
        ] {
            let settings =
                PasswordSettings { breach_check_url: Some(url.to_owned()), ..PasswordSettings::default() };
            assert_eq!(settings.validate().is_ok(), is_fine, "{url}");
            assert_eq!(settings.breach_check().is_some(), is_fine, "{url}");
        }
    }

    /// The list of common passwords has no shorter entries, and NIST SP 800-63B-4 allows no shorter passwords.
    #[test]
    fn fewer_than_eight_characters_cannot_be_allowed() {
        for (min_length, is_fine) in [(7, false), (8, true), (15, true), (65, false)] {
            let settings = PasswordSettings { min_length, ..PasswordSettings::default() };
            assert_eq!(settings.validate().is_ok(), is_fine, "{min_length}");
        }
    }
}
