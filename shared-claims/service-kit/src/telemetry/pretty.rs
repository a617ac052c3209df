//! Writes log lines as text for a terminal: the format of `tracing-subscriber`, followed by the request.

use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{Format, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::request;

/// Formats events as text.
pub(super) struct Pretty(pub(super) Format);

impl<S, N> FormatEvent<S, N> for Pretty
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
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        writer.write_str(line.trim_end())?;
        let shown = request::show(|request| {
            let mut outcome = Ok(());
            request.visit(&mut |name, value| {
                if outcome.is_ok() {
                    outcome = write!(writer, " {name}={:?}", value.to_string());
                }
            });
            outcome
        });
        shown.unwrap_or(Ok(()))?;
        writer.write_char('\n')
    }
}
