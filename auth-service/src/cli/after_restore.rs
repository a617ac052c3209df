//! `auth-service after-restore`.

use std::fmt::Write as _;
use std::sync::Arc;

use clap::Args;
use serde::Serialize;
use service_kit::timestamp::rfc3339;

use super::output::{Format, Report};
use super::{Context, Failure};
use crate::config::Settings;
use crate::restore::Ended;

#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) format: Format,
    /// Confirm that this database was restored: everybody has to log in again
    #[arg(long)]
    yes: bool,
}

/// How long a statement may take, in milliseconds. Each changes a whole table.
const STATEMENT_LIMIT_MS: u32 = 3_600_000;

/// The settings, with time for statements that change a whole table.
pub(super) fn patient(mut settings: Settings) -> Settings {
    settings.database.statement_timeout_ms = STATEMENT_LIMIT_MS;
    settings
}

pub(super) async fn run(arguments: &Arguments, context: &Context) -> Result<Report, Failure> {
    if !arguments.yes {
        let what = "this ends every session and replaces every signing key; repeat it with --yes if the database was \
                    restored to an earlier state";
        return Err(what.into());
    }
    let ended = context.after_restore(Arc::new(say), context.database_in_redis().await).await?.run().await?;
    let document = Document::of(&ended);
    Report::new(&document, document.text())
}

#[expect(clippy::print_stderr, reason = "the progress of a command that can take a minute")]
pub(super) fn say(step: &str) {
    eprintln!("{step} …");
}

/// The JSON document of what was ended.
#[derive(Serialize)]
pub(super) struct Document {
    keys: Vec<String>,
    users: usize,
    clients: usize,
    sessions: usize,
    browser_sessions: usize,
    codes: usize,
    links: usize,
    messages: usize,
    last_event_at: Option<String>,
    last_changed_users: Vec<Change>,
    last_changed_clients: Vec<Change>,
}

#[derive(Serialize)]
struct Change {
    name: String,
    changed_at: String,
}

impl Document {
    pub(super) fn of(ended: &Ended) -> Self {
        let changes = |list: &[(String, i64)]| {
            list.iter()
                .map(|(name, at_ms)| Change { name: name.clone(), changed_at: rfc3339(*at_ms) })
                .collect()
        };
        Self {
            keys: ended.keys.clone(),
            users: ended.users,
            clients: ended.clients,
            sessions: ended.sessions,
            browser_sessions: ended.browser_sessions,
            codes: ended.codes,
            links: ended.links,
            messages: ended.messages,
            last_event_at: ended.last_changes.last_event_at_ms.map(rfc3339),
            last_changed_users: changes(&ended.last_changes.users),
            last_changed_clients: changes(&ended.last_changes.clients),
        }
    }

    pub(super) fn text(&self) -> String {
        let lines = |changes: &[Change]| {
            changes.iter().fold(String::new(), |mut lines, change| {
                // Writing to a string cannot fail.
                let _ = writeln!(lines, "  {}  {}", change.changed_at, change.name);
                lines
            })
        };
        format!(
            "Ended: {} sessions, {} browser sessions. Deleted: {} codes, {} mailed links, {} queued messages.\n\
             Revoked: {} signing keys, and with them every token. Cut: {} users, {} clients.\n\
             The restored state is from {} or a little later. Changes since then are undone: passwords, e-mail addresses,\n\
             disabled or deleted users, clients and their secrets. Make them again.\n\
             Changed last before:\nusers\n{}clients\n{}",
            self.sessions,
            self.browser_sessions,
            self.codes,
            self.links,
            self.messages,
            self.keys.len(),
            self.users,
            self.clients,
            self.last_event_at.as_deref().unwrap_or("an unknown time"),
            lines(&self.last_changed_users),
            lines(&self.last_changed_clients),
        )
    }
}
