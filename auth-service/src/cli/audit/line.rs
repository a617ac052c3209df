//! Formats an audit event for output.

use std::fmt::Write as _;

use serde::Serialize;
use service_kit::timestamp::rfc3339;

use crate::storage::audit::AuditRow;

/// Every member is always present; `null` if the event has no such value.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    at: String,
    kind: &'a str,
    actor: &'a str,
    user_id: Option<&'a str>,
    client_id: Option<&'a str>,
    session_id: Option<&'a str>,
    subject: Option<&'a str>,
    reason: Option<&'a str>,
    address: Option<&'a str>,
    user_agent: Option<&'a str>,
    request_id: Option<&'a str>,
}

/// Formats an event as one line of JSON.
pub(super) fn json(row: &AuditRow) -> serde_json::Result<String> {
    serde_json::to_string(&Line {
        id: &row.id,
        at: rfc3339(row.at_ms),
        kind: &row.kind,
        actor: &row.actor,
        user_id: row.user_id.as_deref(),
        client_id: row.client_id.as_deref(),
        session_id: row.session_id.as_deref(),
        subject: row.subject.as_deref(),
        reason: row.reason.as_deref(),
        address: row.address.as_deref(),
        user_agent: row.user_agent.as_deref(),
        request_id: row.request_id.as_deref(),
    })
}

/// Formats an event as one line of text. Values that a caller wrote are quoted and escaped, so that they cannot
/// control the terminal.
pub(super) fn text(row: &AuditRow) -> String {
    let mut line = format!("{}  {:<20} {:<8}", rfc3339(row.at_ms), row.kind, row.actor);
    let parts = [
        ("reason", &row.reason),
        ("user", &row.user_id),
        ("client", &row.client_id),
        ("session", &row.session_id),
        ("subject", &row.subject),
        ("address", &row.address),
        ("request", &row.request_id),
        ("agent", &row.user_agent),
    ];
    for (name, value) in parts {
        let Some(value) = value else { continue };
        let is_plain = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
        // Writing to a `String` cannot fail.
        let _ = if is_plain { write!(line, " {name}={value}") } else { write!(line, " {name}={value:?}") };
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_callers_are_escaped() {
        let row = AuditRow {
            id: "018bcfe5-6800-7000-8000-000000000000".to_owned(),
            at_ms: 1_700_000_000_000,
            kind: "login.refused".to_owned(),
            actor: "caller".to_owned(),
            user_id: None,
            client_id: Some("first-party".to_owned()),
            session_id: None,
            subject: None,
            reason: Some("unknown_user".to_owned()),
            address: Some("::1".to_owned()),
            user_agent: Some("\u{1b}[2J\n\" reason=ok".to_owned()),
            request_id: None,
        };
        assert_eq!(
            text(&row),
            "2023-11-14T22:13:20.000Z  login.refused        caller   reason=unknown_user client=first-party \
             address=::1 agent=\"\\u{1b}[2J\\n\\\" reason=ok\""
        );
        let json = json(&row).unwrap();
        assert!(!json.contains(['\n', '\u{1b}']), "{json}");
    }
}
