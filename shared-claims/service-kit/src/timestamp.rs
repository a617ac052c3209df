//! Timestamps in requests, responses and the output of commands: RFC 3339.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

/// Formats milliseconds since the Unix epoch as RFC 3339 in UTC, with milliseconds. A value outside of the
/// calendar's range, which no real clock shows, becomes the epoch.
pub fn rfc3339(ms: i64) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
        .format(format)
        .unwrap_or_default()
}

/// Parses an RFC 3339 timestamp with any offset into milliseconds since the Unix epoch.
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    i64::try_from(time.unix_timestamp_nanos().div_euclid(1_000_000)).ok()
}

#[cfg(test)]
mod tests {
    use super::{parse_rfc3339, rfc3339};

    #[test]
    fn a_timestamp_is_parsed_with_any_offset() {
        let ms = Some(1_764_000_000_007);
        for text in ["2025-11-24T16:00:00.007Z", "2025-11-24T18:30:00.0079+02:30"] {
            assert_eq!(parse_rfc3339(text), ms, "{text}");
        }
        for text in ["", "2025-11-24", "2025-11-24T16:00:00", "2025-02-30T00:00:00Z", "1764000000"] {
            assert_eq!(parse_rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn timestamps_are_rfc_3339_in_utc() {
        assert_eq!(rfc3339(1_764_000_000_007), "2025-11-24T16:00:00.007Z");
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(i64::MAX), "1970-01-01T00:00:00.000Z");
    }
}
