//! The log: one line per request, without data that must not be logged.

use std::io::Write;
use std::sync::{Arc, LazyLock, Mutex};

use service_kit::telemetry::{self, LogFormat, LogSettings};

use crate::wire::{post, request};
use crate::{get, start};

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

/// Everything that this test binary logs, in the format `json`.
static LOGGED: LazyLock<Lines> = LazyLock::new(|| {
    let lines = Lines::default();
    let writer = lines.clone();
    let settings = LogSettings { format: LogFormat::Json, ..LogSettings::default() };
    let subscriber = telemetry::subscriber(&settings, move || writer.clone()).unwrap();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    lines
});

/// The log lines of one request.
fn lines_of(id: &str) -> Vec<serde_json::Value> {
    let text = String::from_utf8(LOGGED.0.lock().unwrap().clone()).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    lines.filter(|line| line["span"]["caller_request_id"] == id).collect()
}

#[test]
fn a_request_has_one_log_line_with_the_fields_that_identify_it() {
    LazyLock::force(&LOGGED);
    let service = start();
    let id = "0190163d-8694-739b-aea5-966c26f8ad91";
    request(service.address, "GET", &format!("/notes/{id}?access_token=hunter2"), &["X-Request-Id: log-1"]);
    let lines = lines_of("log-1");
    assert_eq!(lines.len(), 1, "{lines:?}");
    let line = &lines[0];
    assert_eq!(line["message"], "request");
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["status"], 200);
    assert_eq!(line["route"], "/notes/{id}");
    assert!(line["duration_ms"].as_f64().unwrap() >= 0.0);
    assert_eq!(line["span"]["method"], "GET");
    assert_eq!(line["span"]["path"], format!("/notes/{id}"));
    assert_eq!(line["span"]["client"], "127.0.0.1");
    assert!(uuid::Uuid::parse_str(line["span"]["request_id"].as_str().unwrap()).is_ok(), "{line}");
}

#[test]
fn the_level_follows_the_status_and_the_cause_of_a_500_is_logged() {
    LazyLock::force(&LOGGED);
    let service = start();
    for (path, id, level) in
        [("/nothing", "log-2", "WARN"), ("/fails", "log-3", "ERROR"), ("/panic", "log-4", "ERROR")]
    {
        request(service.address, "GET", path, &[&format!("X-Request-Id: {id}")]);
        let lines = lines_of(id);
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert_eq!(lines[0]["level"], level);
        assert_eq!(lines[0]["span"]["path"], path);
    }
    assert_eq!(lines_of("log-3")[0]["cause"], "the secret is hunter2");
}

#[test]
fn successful_probes_are_not_logged() {
    LazyLock::force(&LOGGED);
    let service = start();
    for path in ["/healthz", "/readyz", "/metrics"] {
        request(service.address, "GET", path, &["X-Request-Id: log-5"]);
    }
    assert!(lines_of("log-5").is_empty());
}

#[test]
fn query_headers_and_body_are_not_logged() {
    LazyLock::force(&LOGGED);
    let service = start();
    let secret = "correct-horse-battery";
    get(service.address, &format!("/page?limit={secret}"));
    get(service.address, &format!("/nothing?token={secret}"));
    request(service.address, "GET", "/notes", &[&format!("Authorization: Bearer {secret}")]);
    request(service.address, "GET", "/notes", &[&format!("X-Request-Id: {secret} x")]);
    for kind in ["application/json", "application/x-www-form-urlencoded"] {
        for path in ["/notes", "/login", "/plain-json"] {
            post(service.address, path, kind, format!(r#"{{"title":5,"size":"{secret}"}}"#));
            post(service.address, path, kind, format!("username={secret}&password={secret}&limit={secret}"));
        }
    }
    let text = String::from_utf8(LOGGED.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("\"path\":\"/login\""));
    assert!(!text.contains(secret));
}
