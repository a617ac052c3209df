//! Tests with a real browser that scripts of other origins can read the responses that they should.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use service_kit::database::Backend;

use crate::helpers::{PASSWORD, spawn_app};

/// A page that logs in with tracing headers, reads the token and the request id, and makes a request with the token.
const PAGE: &str = r#"<!doctype html><title>front end</title><p id="outcome">none</p><script>
const tracing = {
  traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
  "sentry-trace": "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
  baggage: "sentry-environment=test",
};
(async () => {
  const body = new URLSearchParams({ username: "alice", password: "PASSWORD" });
  const answer = await fetch("ISSUER/auth/token", { method: "POST", headers: tracing, body });
  const token = (await answer.json()).access_token;
  const me = await fetch("ISSUER/auth/me/", { headers: { ...tracing, authorization: `Bearer ${token}` } });
  const missing = await fetch("ISSUER/nothing", { method: "PUT", headers: tracing });
  const keys = await fetch("ISSUER/.well-known/jwks.json", { headers: tracing });
  return [
    answer.status, answer.headers.has("x-request-id"), (await me.json()).username, missing.status, keys.status,
  ].join(" ");
})().catch((error) => error.name).then((outcome) => {
  document.getElementById("outcome").textContent = outcome;
  fetch("/outcome?" + encodeURIComponent(outcome));
});
</script>"#;

/// Serves the page, and returns what the page reports.
fn front_end(listener: TcpListener, page: String) -> tokio::sync::mpsc::UnboundedReceiver<String> {
    let (report, reports) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut head = [0; 4096];
            let read = stream.read(&mut head).unwrap_or(0);
            let head = String::from_utf8_lossy(&head[..read]).into_owned();
            let target = head.split(' ').nth(1).unwrap_or_default();
            if let Some(outcome) = target.strip_prefix("/outcome?")
                && report.send(outcome.to_owned()).is_err()
            {
                return;
            }
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
                page.len()
            );
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    reports
}

fn browser() -> Option<Command> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let found = names.into_iter().find(|name| {
        Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
    })?;
    Some(Command::new(found))
}

#[tokio::test]
async fn a_listed_front_end_with_tracing_works_in_a_browser_and_another_one_does_not() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let listed = format!("http://localhost:{port}");
    let app = spawn_app(Backend::Sqlite, |settings| settings.http.cors_origins = vec![listed.clone()]).await;
    app.register("alice").await;
    let page = PAGE.replace("ISSUER", &app.url).replace("PASSWORD", PASSWORD);
    let mut reports = front_end(listener, page);
    for (origin, expected) in [
        (listed, "200%20true%20alice%20404%20200".to_owned()),
        (format!("http://127.0.0.1:{port}"), "TypeError".to_owned()),
    ] {
        let profile = tempfile::tempdir().unwrap();
        let mut command = browser().expect("chromium (package chromium): ./scripts/test installs it");
        let mut child = command
            .args([
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
                "--disable-dev-shm-usage",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(&origin)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let outcome = tokio::time::timeout(std::time::Duration::from_secs(60), reports.recv()).await;
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(outcome.ok().flatten(), Some(expected), "{origin}");
    }
}
