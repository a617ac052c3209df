//! Timestamps: RFC 3339 in requests, responses and the output of commands, and the time of a log line.

use std::cell::Cell;
use std::fmt::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

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

/// A time up to the second: `2026-11-29T16:00:33`.
type Second = [u8; 19];

thread_local! {
    static LAST: Cell<Option<(u64, Second)>> = const { Cell::new(None) };
}

/// Writes the current time in a log line, with microseconds. The text up to the second is cached for the next lines,
/// because formatting it costs as much as the rest of a line.
#[expect(
    clippy::disallowed_methods,
    reason = "log lines have the time of the system, so that they can be compared with the logs of other programs"
)]
pub(crate) fn write_now(line: &mut String) -> fmt::Result {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    write_time(line, now.as_secs(), now.subsec_micros())
}

fn write_time(line: &mut String, seconds: u64, micros: u32) -> fmt::Result {
    let second = match LAST.get() {
        Some((kept, second)) if kept == seconds => second,
        _ => {
            let second = second(seconds).ok_or(fmt::Error)?;
            LAST.set(Some((seconds, second)));
            second
        }
    };
    line.push_str(std::str::from_utf8(&second).map_err(|_| fmt::Error)?);
    write!(line, ".{micros:06}Z")
}

fn second(seconds: u64) -> Option<Second> {
    let time = OffsetDateTime::from_unix_timestamp(i64::try_from(seconds).ok()?).ok()?;
    time.format(&Rfc3339).ok()?.as_bytes().first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn a_timestamp_has_microseconds_and_does_not_depend_on_the_line_before() {
        for (seconds, micros, expected) in [
            (0, 0, "1970-01-01T00:00:00.000000Z"),
            (1_764_000_000, 7, "2025-11-24T16:00:00.000007Z"),
            (1_764_000_000, 999_999, "2025-11-24T16:00:00.999999Z"),
            (1_764_000_001, 0, "2025-11-24T16:00:01.000000Z"),
            (1_764_000_000, 1, "2025-11-24T16:00:00.000001Z"),
        ] {
            let mut text = String::new();
            write_time(&mut text, seconds, micros).unwrap();
            assert_eq!(text, expected);
        }
    }
}
