//! Writes a log line as one JSON object. It names the request for which it was written, or else the innermost span,
//! whose fields are rendered once when the span is created. (The JSON formatter of `tracing-subscriber` parses them
//! again for each event. That was more than half of the cost of a line, and more than the check of a token.)

use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_log::NormalizeEvent as _;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use super::request::{self, LogFields};
use super::timestamp::Timestamp;

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
        writer.write_str("{\"timestamp\":\"")?;
        Timestamp.format_time(&mut writer)?;
        // Events from the crate `log` have their metadata as fields.
        let normalized = event.normalized_metadata();
        let metadata = normalized.as_ref().unwrap_or_else(|| event.metadata());
        writer.write_str("\",\"level\":\"")?;
        writer.write_str(metadata.level().as_str())?;
        writer.write_char('"')?;
        let mut members = Writing { out: &mut writer, is_first: false, outcome: Ok(()) };
        event.record(&mut members);
        members.outcome?;
        writer.write_str(",\"target\":")?;
        string(&mut writer, metadata.target())?;
        if let Some(written) = request::show(|request| named_fields(&mut writer, request)) {
            written?;
        } else if let Some(span) = context.parent_span() {
            writer.write_str(",\"span\":{\"name\":")?;
            string(&mut writer, span.name())?;
            if let Some(fields) =
                span.extensions().get::<FormattedFields<N>>().filter(|fields| !fields.is_empty())
            {
                writer.write_char(',')?;
                writer.write_str(fields)?;
            }
            writer.write_char('}')?;
        }
        writer.write_str("}\n")
    }
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
struct Writing<'a, 'w> {
    out: &'a mut Writer<'w>,
    is_first: bool,
    outcome: fmt::Result,
}

impl Writing<'_, '_> {
    fn member(&mut self, field: &Field, value: impl FnOnce(&mut Writer<'_>) -> fmt::Result) {
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

impl Visit for Writing<'_, '_> {
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
        // JSON has no infinity.
        self.member(
            field,
            |out| if value.is_finite() { write!(out, "{value}") } else { out.write_str("null") },
        );
    }
}

/// Writes the request where other events have their span.
fn named_fields(writer: &mut Writer<'_>, request: &dyn LogFields) -> fmt::Result {
    writer.write_str(",\"span\":{\"name\":")?;
    string(writer, request.name())?;
    let mut outcome = Ok(());
    request.visit(&mut |name, value| {
        if outcome.is_ok() {
            outcome = named_field(writer, name, value);
        }
    });
    outcome?;
    writer.write_char('}')
}

fn named_field(writer: &mut Writer<'_>, name: &str, value: &dyn fmt::Display) -> fmt::Result {
    writer.write_char(',')?;
    string(writer, name)?;
    writer.write_str(":\"")?;
    write!(Escaping(writer), "{value}")?;
    writer.write_char('"')
}

fn string(out: &mut Writer<'_>, text: &str) -> fmt::Result {
    out.write_char('"')?;
    Escaping(out).write_str(text)?;
    out.write_char('"')
}

/// Writes the content of a JSON string (RFC 8259 §7). Control characters beyond ASCII are escaped too, because a
/// terminal may interpret them.
struct Escaping<'a, 'w>(&'a mut Writer<'w>);

impl fmt::Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // Nearly every text needs no escaping, and this check is much cheaper than decoding the characters.
        if text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\') {
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
