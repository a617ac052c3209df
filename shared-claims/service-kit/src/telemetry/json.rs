//! Writes a log line as one JSON object. It names the request for which it was written, or else the innermost span,
//! whose fields are rendered once when the span is created. (The JSON formatter of `tracing-subscriber` parses them
//! again for each event. That was more than half of the cost of a line, and more than the check of a token.)
//!
//! A line is put together in a string of the thread and then passed on as a whole. Passed on piece by piece, each piece
//! would cost a call through the formatter's dynamic writer.

use std::cell::Cell;
use std::fmt::{self, Write};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_log::NormalizeEvent as _;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use super::request::{self, LogFields};
use super::timestamp::write_now;

/// Formats events: time, level, the event's own fields, its target, and the request or the innermost span.
pub(super) struct Line;

/// Formats the fields of spans as members of a JSON object, without its braces.
pub(super) struct Members;

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        // Taken out, so that a value that logs while it is formatted starts with another string.
        let mut line = LINE.take();
        let written = write_line(&mut line, context, event).and_then(|()| writer.write_str(&line));
        line.clear();
        line.shrink_to(KEPT);
        LINE.set(line);
        written
    }
}

thread_local! {
    /// The memory for the thread's next line.
    static LINE: Cell<String> = const { Cell::new(String::new()) };
}

/// The most memory that a thread keeps for its next line, in bytes.
const KEPT: usize = 4 * 1024;

fn write_line<S, N>(line: &mut String, context: &FmtContext<'_, S, N>, event: &Event<'_>) -> fmt::Result
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    line.push_str("{\"timestamp\":\"");
    write_now(line)?;
    // Events from the crate `log` have their metadata as fields.
    let normalized = event.normalized_metadata();
    let metadata = normalized.as_ref().unwrap_or_else(|| event.metadata());
    line.push_str("\",\"level\":\"");
    line.push_str(metadata.level().as_str());
    line.push('"');
    let mut members = Writing { out: &mut *line, is_first: false, outcome: Ok(()) };
    event.record(&mut members);
    members.outcome?;
    line.push_str(",\"target\":");
    string(line, metadata.target())?;
    if let Some(written) = request::show(|request| named_fields(line, request)) {
        written?;
    } else if let Some(span) = context.parent_span() {
        line.push_str(",\"span\":{\"name\":");
        string(line, span.name())?;
        if let Some(fields) =
            span.extensions().get::<FormattedFields<N>>().filter(|fields| !fields.is_empty())
        {
            line.push(',');
            line.push_str(fields);
        }
        line.push('}');
    }
    line.push_str("}\n");
    Ok(())
}

impl<'w> FormatFields<'w> for Members {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut members = Writing { out: &mut writer, is_first: true, outcome: Ok(()) };
        fields.record(&mut members);
        members.outcome
    }

    fn add_fields(
        &self,
        current: &'w mut FormattedFields<Self>,
        fields: &tracing::span::Record<'_>,
    ) -> fmt::Result {
        let is_first = current.is_empty();
        let mut writer = current.as_writer();
        let mut members = Writing { out: &mut writer, is_first, outcome: Ok(()) };
        fields.record(&mut members);
        members.outcome
    }
}

/// Writes fields as members of a JSON object.
struct Writing<'a, W> {
    out: &'a mut W,
    is_first: bool,
    outcome: fmt::Result,
}

impl<W: Write> Writing<'_, W> {
    fn member(&mut self, field: &Field, value: impl FnOnce(&mut W) -> fmt::Result) {
        if self.outcome.is_ok() && !field.name().starts_with("log.") {
            self.outcome = self.name(field).and_then(|()| value(self.out));
        }
    }

    fn name(&mut self, field: &Field) -> fmt::Result {
        if !std::mem::take(&mut self.is_first) {
            self.out.write_char(',')?;
        }
        string(self.out, field.name().strip_prefix("r#").unwrap_or(field.name()))?;
        self.out.write_char(':')
    }
}

impl<W: Write> Visit for Writing<'_, W> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.member(field, |out| {
            out.write_char('"')?;
            write!(Escaping(out), "{value:?}")?;
            out.write_char('"')
        });
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.member(field, |out| string(out, value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.member(field, |out| write!(out, "{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.member(field, |out| write!(out, "{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.member(field, |out| write!(out, "{value}"));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.member(field, |out| number(out, value));
    }
}

/// Writes a number as `Display` does. Those with at most three decimals, which every request has, are written without
/// the search for the shortest text.
fn number(out: &mut impl Write, value: f64) -> fmt::Result {
    /// Below this, every number of thousandths has a text of its own.
    const LIMIT: f64 = 1e9;
    if !value.is_finite() {
        // JSON has no infinity.
        return out.write_str("null");
    }
    let thousandths = (value * 1000.0).round();
    // Zero has a sign.
    if !(0.001..LIMIT).contains(&value) || (thousandths / 1000.0).to_bits() != value.to_bits() {
        return write!(out, "{value}");
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is whole, positive and small"
    )]
    let thousandths = thousandths as u64;
    write!(out, "{}", thousandths / 1000)?;
    match thousandths % 1000 {
        0 => Ok(()),
        some if some % 100 == 0 => write!(out, ".{}", some / 100),
        some if some % 10 == 0 => write!(out, ".{:02}", some / 10),
        some => write!(out, ".{some:03}"),
    }
}

/// Writes the request where other events have their span.
fn named_fields(line: &mut String, request: &dyn LogFields) -> fmt::Result {
    line.push_str(",\"span\":{\"name\":");
    string(line, request.name())?;
    let mut outcome = Ok(());
    request.visit(&mut |name, value| {
        if outcome.is_ok() {
            outcome = named_field(line, name, value);
        }
    });
    line.push('}');
    outcome
}

fn named_field(line: &mut String, name: &str, value: &dyn fmt::Display) -> fmt::Result {
    line.push(',');
    string(line, name)?;
    line.push_str(":\"");
    write!(Escaping(line), "{value}")?;
    line.push('"');
    Ok(())
}

fn string(out: &mut impl Write, text: &str) -> fmt::Result {
    out.write_char('"')?;
    Escaping(out).write_str(text)?;
    out.write_char('"')
}

/// Writes the content of a JSON string (RFC 8259 §7). Control characters beyond ASCII are escaped too, because a
/// terminal may interpret them.
struct Escaping<'a, W>(&'a mut W);

/// Whether the text is the same as the content of a JSON string. It looks at all bytes, also after one that is special:
/// so the compiler can look at many at a time.
fn is_plain(text: &str) -> bool {
    let is_plain = |byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
    text.bytes().fold(true, |all, byte| all & is_plain(byte))
}

impl<W: Write> Write for Escaping<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // Nearly every text needs no escaping, and this check is much cheaper than decoding the characters.
        if is_plain(text) {
            return self.0.write_str(text);
        }
        let mut rest = text;
        while let Some((at, special)) =
            rest.char_indices().find(|(_, c)| c.is_control() || matches!(c, '"' | '\\'))
        {
            let (plain, after) = rest.split_at(at);
            self.0.write_str(plain)?;
            match special {
                '"' => self.0.write_str("\\\"")?,
                '\\' => self.0.write_str("\\\\")?,
                '\n' => self.0.write_str("\\n")?,
                control => write!(self.0, "\\u{:04x}", u32::from(control))?,
            }
            rest = after.get(special.len_utf8()..).unwrap_or_default();
        }
        self.0.write_str(rest)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::number;

    fn written(value: f64) -> String {
        let mut text = String::new();
        number(&mut text, value).unwrap();
        text
    }

    #[test]
    fn numbers_are_written_as_display_does() {
        for value in
            [0.0, -0.0, 0.001, 0.1, 0.12, 1.0, 1.5, 20.02, 999.999, -1.5, 1e-4, 1e9, 1e300, 0.0005, 1.0005]
        {
            assert_eq!(written(value), value.to_string());
        }
        assert_eq!([f64::NAN, f64::INFINITY].map(written), ["null", "null"]);
    }

    proptest! {
        #[test]
        fn all_numbers_are_written_as_display_does(value in any::<f64>(), thousandths in 0..2_000_000_000_000_u64) {
            prop_assume!(value.is_finite());
            #[expect(clippy::cast_precision_loss, reason = "a time")]
            let milliseconds = thousandths as f64 / 1000.0;
            prop_assert_eq!(written(milliseconds), milliseconds.to_string());
            prop_assert_eq!(written(value), value.to_string());
        }
    }
}
