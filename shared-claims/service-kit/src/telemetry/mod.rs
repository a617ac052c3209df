//! Logs: one line per event, as JSON or as text, on standard error (commands print their results on standard output).

mod json;
mod panics;
mod request;
mod writer;

use serde::{Deserialize, Serialize};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::{Format, Writer};
use tracing_subscriber::fmt::{self, FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use self::writer::Lines;
use crate::config::{InvalidSetting, Validate};
use crate::timestamp;

pub use request::{LogFields, LogScope, with_request};
pub use writer::lost_lines;

/// Why logging could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot start logging: {0}")]
pub struct TelemetryError(String);

/// Keeps logging running. Drop it at the end of the program: that writes the remaining lines.
#[must_use = "without it the last lines are lost"]
pub struct Log {
    lines: Lines,
}

/// Starts logging, panics included. Call it once per process.
pub fn init(settings: &LogSettings) -> Result<Log, TelemetryError> {
    let lines = Lines::start(std::io::stderr()).map_err(|error| TelemetryError(error.to_string()))?;
    let subscriber = subscriber(settings, lines.clone())?;
    subscriber.try_init().map_err(|error| TelemetryError(error.to_string()))?;
    std::panic::set_hook(Box::new(panics::log));
    Ok(Log { lines })
}

impl Drop for Log {
    fn drop(&mut self) {
        self.lines.finish();
    }
}

/// The subscriber that formats events, for a program that installs it itself. See [`init`].
pub fn subscriber(
    settings: &LogSettings,
    writer: impl for<'w> MakeWriter<'w> + Send + Sync + 'static,
) -> Result<impl Subscriber + Send + Sync, TelemetryError> {
    let filter = filter(&settings.level).ok_or_else(|| TelemetryError("log.level".to_owned()))?;
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match settings.format {
        LogFormat::Json => {
            Box::new(fmt::layer().event_format(json::Line).fmt_fields(json::Members).with_writer(writer))
        }
        LogFormat::Pretty => {
            let format = fmt::format().with_ansi(false);
            Box::new(fmt::layer().event_format(TextLine(format)).with_ansi(false).with_writer(writer))
        }
    };
    Ok(tracing_subscriber::registry().with(lines).with(filter))
}

/// The level and format of the log.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogSettings {
    /// A level, or directives like `info,auth_service=debug`.
    pub level: String,
    /// The format of a line.
    pub format: LogFormat,
}

/// The format of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object per line, for machines.
    Json,
    /// Text, for a terminal.
    Pretty,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::Json }
    }
}

impl Validate for LogSettings {
    fn validate(&self) -> Result<(), InvalidSetting> {
        match filter(&self.level) {
            Some(_) => Ok(()),
            None => Err(InvalidSetting::new(
                "level",
                "error, warn, info, debug, trace or off, or directives like info,auth_service=debug",
            )),
        }
    }
}

/// Reads a level, or levels per module. `Targets` takes a word alone for a module, too: a misspelt level would then be
/// the only thing that is logged. Directives for spans are not supported, because they would cost every request a lock
/// and a look-up.
fn filter(text: &str) -> Option<Targets> {
    let is_level = |part: &str| !part.is_empty() && part.parse::<LevelFilter>().is_ok();
    let is_directive = |part: &str| part.contains('=') || is_level(part.trim());
    text.split(',').all(is_directive).then(|| text.parse().ok()).flatten()
}

/// Formats events as text for a terminal: the format of `tracing-subscriber`, followed by the request.
struct TextLine(Format);

impl<S, N> FormatEvent<S, N> for TextLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> std::fmt::Result {
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

#[cfg(test)]
mod tests {
    use std::fmt::Display;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(level: &str, format: LogFormat) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let settings = LogSettings { level: level.to_owned(), format };
        let subscriber = subscriber(&settings, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::info_span!("http.request", request_id = "abc");
            span.in_scope(|| {
                tracing::info!(status = 200, "request");
                tracing::debug!("detail\nwith a second line");
            });
        });
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_json_line_is_one_object_with_the_request() {
        let text = logged("debug", LogFormat::Json);
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["message"], "request");
        assert_eq!(lines[0]["status"], 200);
        assert_eq!(lines[0]["span"]["request_id"], "abc");
        assert_eq!(lines[0]["level"], "INFO");
        assert!(lines[0]["timestamp"].is_string());
    }

    #[test]
    fn special_characters_are_escaped_in_json_lines() {
        let lines = Lines::default();
        let writer = lines.clone();
        let settings = LogSettings { level: "info".to_owned(), format: LogFormat::Json };
        let subscriber = subscriber(&settings, move || writer.clone()).unwrap();
        let odd = "\"quoted\", a \\ and\n\t\u{1b}[31m \u{9b}1m \u{1f511}";
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::info_span!("odd", path = odd, later = tracing::field::Empty, r#type = 1);
            span.record("later", odd);
            span.in_scope(|| {
                tracing::info!(shown = %odd, debugged = ?odd, none = None::<u8>, nan = f64::NAN, half = 0.5, yes = true, neg = -1, "{odd}");
            });
            let empty = tracing::info_span!("empty", later = tracing::field::Empty);
            empty.record("later", 1);
            empty.in_scope(|| tracing::info!("in a span that said nothing at first"));
            tracing::info!("alone");
        });
        let bytes = lines.0.lock().unwrap().clone();
        let text = String::from_utf8(bytes).unwrap();
        assert!(!text.contains(['\u{1b}', '\u{9b}', '\t']));
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 3);
        for (member, value) in [
            ("message", serde_json::json!(odd)),
            ("shown", serde_json::json!(odd)),
            ("debugged", serde_json::json!(format!("{odd:?}"))),
            ("nan", serde_json::Value::Null),
            ("half", serde_json::json!(0.5)),
            ("yes", serde_json::json!(true)),
            ("neg", serde_json::json!(-1)),
            ("span", serde_json::json!({"name": "odd", "path": odd, "later": odd, "type": 1})),
        ] {
            assert_eq!(lines[0][member], value, "{member}");
        }
        assert!(lines[0].get("none").is_none());
        assert_eq!(lines[1]["span"], serde_json::json!({"name": "empty", "later": 1}));
        assert!(lines[2].get("span").is_none());
    }

    struct Request;

    impl LogFields for Request {
        fn name(&self) -> &'static str {
            "http.request"
        }

        fn visit(&self, field: &mut dyn FnMut(&'static str, &dyn Display)) {
            field("path", &"/a\"b");
            field("request_id", &7);
        }
    }

    /// The lines that are logged within a request, on a thread to which work was passed, and outside a request.
    fn logged_for_request(format: LogFormat) -> Vec<String> {
        let lines = Lines::default();
        let writer = lines.clone();
        let settings = LogSettings { level: "info".to_owned(), format };
        let subscriber = Arc::new(subscriber(&settings, move || writer.clone()).unwrap());
        let elsewhere = Arc::clone(&subscriber);
        tracing::subscriber::with_default(subscriber, || {
            with_request(Arc::new(Request), || {
                tracing::info!("here");
                let scope = LogScope::current();
                let work = move || scope.run(|| tracing::info!("there"));
                std::thread::spawn(|| tracing::subscriber::with_default(elsewhere, work)).join().unwrap();
            });
            let _ = std::panic::catch_unwind(|| with_request(Arc::new(Request), || panic!("on purpose")));
            tracing::info!("outside");
        });
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_line_names_the_request_that_it_was_written_for() {
        let lines = logged_for_request(LogFormat::Json);
        let lines: Vec<serde_json::Value> =
            lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let span = serde_json::json!({"name": "http.request", "path": "/a\"b", "request_id": "7"});
        assert_eq!((&lines[0]["message"], &lines[0]["span"]), (&"here".into(), &span));
        assert_eq!((&lines[1]["message"], &lines[1]["span"]), (&"there".into(), &span));
        assert_eq!((&lines[2]["message"], lines[2].get("span")), (&"outside".into(), None));

        let lines = logged_for_request(LogFormat::Pretty);
        assert!(
            lines[0].contains("here") && lines[0].ends_with(r#" path="/a\"b" request_id="7""#),
            "{lines:?}"
        );
        assert!(lines[1].contains("there") && lines[1].ends_with(r#" request_id="7""#), "{lines:?}");
        assert!(lines[2].ends_with("outside"), "{lines:?}");
    }

    #[test]
    fn events_below_the_level_are_not_logged() {
        assert_eq!(logged("info", LogFormat::Json).lines().count(), 1);
        assert_eq!(logged("warn", LogFormat::Json).lines().count(), 0);
        assert_eq!(logged("off,service_kit=info", LogFormat::Pretty).lines().count(), 1);
        assert!(logged("info", LogFormat::Pretty).contains("request_id=\"abc\""));
    }
}
