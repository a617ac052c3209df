//! The value of the option `--since`.

use std::str::FromStr;

use service_kit::timestamp::parse_rfc3339;

/// A moment, or an age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Since {
    /// A moment, milliseconds since the Unix epoch.
    Moment(i64),
    /// An age, milliseconds before now.
    Age(i64),
}

impl Since {
    /// Returns the moment, milliseconds since the Unix epoch.
    pub(super) fn at_ms(self, now_ms: i64) -> i64 {
        match self {
            Self::Moment(ms) => ms,
            Self::Age(ms) => now_ms.saturating_sub(ms),
        }
    }
}

impl FromStr for Since {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const ALLOWED: &str =
            "a moment like 2026-11-24T12:00:00Z, or how long ago: 90s, 15m, 2h, 7d, 4w are allowed";
        if let Some(ms) = parse_rfc3339(text) {
            return Ok(Self::Moment(ms));
        }
        age_ms(text).map(Self::Age).ok_or(ALLOWED)
    }
}

/// Milliseconds. Not by the crate `humantime`: it reads `1M` as a month and `1y` as 365.25 days, and a typing error would give
/// another part of the record instead of a refusal.
fn age_ms(text: &str) -> Option<i64> {
    let unit = text.chars().last()?;
    let unit_s = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    let number = text.strip_suffix(unit)?;
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    number.parse::<i64>().ok()?.checked_mul(unit_s)?.checked_mul(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_ages_are_parsed() {
        let now_ms = 10_000_000;
        for (text, ms) in [
            ("1970-01-01T00:00:01Z", 1000),
            ("0s", now_ms),
            ("90s", 9_910_000),
            ("15m", 9_100_000),
            ("2h", 2_800_000),
            ("7d", now_ms - 604_800_000),
            ("1w", now_ms - 604_800_000),
        ] {
            assert_eq!(text.parse::<Since>().unwrap().at_ms(now_ms), ms, "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in
            ["", "m", "15", "-1h", "+1h", "1.5h", "1 h", "1y", "yesterday", "99999999999999999d", "1ä"]
        {
            assert!(text.parse::<Since>().is_err(), "{text}");
        }
    }
}
