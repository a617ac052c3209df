//! The time of a log line: RFC 3339 in UTC, with microseconds.

use std::cell::Cell;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

/// Writes the current time. The text up to the second is cached for the next lines, because formatting it costs as much
/// as the rest of a line.
pub(super) struct Timestamp;

/// A time up to the second: `2026-11-29T16:00:33`.
type Second = [u8; 19];

thread_local! {
    static LAST: Cell<Option<(u64, Second)>> = const { Cell::new(None) };
}

impl FormatTime for Timestamp {
    #[expect(
        clippy::disallowed_methods,
        reason = "the log is read beside the logs of others: it has the system's time"
    )]
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        write_moment(writer, now.as_secs(), now.subsec_micros())
    }
}

fn write_moment(writer: &mut Writer<'_>, seconds: u64, micros: u32) -> fmt::Result {
    let second = match LAST.get() {
        Some((kept, second)) if kept == seconds => second,
        _ => {
            let second = second(seconds).ok_or(fmt::Error)?;
            LAST.set(Some((seconds, second)));
            second
        }
    };
    writer.write_str(std::str::from_utf8(&second).map_err(|_| fmt::Error)?)?;
    write!(writer, ".{micros:06}Z")
}

fn second(seconds: u64) -> Option<Second> {
    let moment = OffsetDateTime::from_unix_timestamp(i64::try_from(seconds).ok()?).ok()?;
    moment.format(&Rfc3339).ok()?.as_bytes().first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

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
            write_moment(&mut Writer::new(&mut text), seconds, micros).unwrap();
            assert_eq!(text, expected);
        }
    }
}
