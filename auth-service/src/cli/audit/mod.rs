//! `auth-service audit`: prints the audit events, and follows them.

mod line;
mod printer;
mod since;
mod tail;

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use service_kit::database::{Database, DatabaseError};
use service_kit::server::stop_signal;
use uuid::Uuid;

use self::printer::Printer;
use self::since::Since;
use self::tail::Tail;
use super::{Context, Failure};
use crate::accounts::AccountError;
use crate::domain::{AuditKind, Username};
use crate::storage::audit::{AuditFilter, AuditRow};
use crate::storage::users;

/// The interval at which `--follow` looks for new events.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// Each poll also reads the events of this many milliseconds before the last one again, because transactions do not commit
/// in the order of their times.
const REREAD_MS: i64 = 5_000;
/// One in this many polls reads the whole window again.
const FULL_REREAD_EVERY: u32 = 20;

#[derive(Args)]
pub(super) struct Arguments {
    /// Print events from this time on: a moment (2026-11-24T12:00:00Z) or an age (90s, 15m, 2h, 7d); default: all
    /// that are kept
    #[arg(long, value_name = "T")]
    since: Option<Since>,
    /// Keep printing new events until interrupted
    #[arg(long, short)]
    follow: bool,
    /// Print only these kinds: `login.refused`, or `login` for all that begin with it
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = select_kinds)]
    kind: Vec<SelectedKinds>,
    /// Print only events about this user: a name or an id
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Print only events about this client
    #[arg(long, value_name = "ID")]
    client: Option<String>,
    /// Print only the newest N events, and with --follow the new ones after them
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
    /// Print one JSON object per line (the default)
    #[arg(long)]
    json: bool,
    /// Print lines of text instead
    #[arg(long, conflicts_with = "json")]
    text: bool,
}

/// The kinds of event that a name on the command line selects.
#[derive(Clone, Debug)]
struct SelectedKinds(Vec<AuditKind>);

fn select_kinds(name: &str) -> Result<SelectedKinds, String> {
    let named = AuditKind::named(name);
    if named.is_empty() {
        let known: Vec<_> = AuditKind::ALL.iter().map(|kind| kind.as_str()).collect();
        return Err(format!("allowed are {}", known.join(", ")));
    }
    Ok(SelectedKinds(named))
}

pub(super) async fn run(arguments: Arguments, context: Context) -> Result<(), Failure> {
    // Installed first, so that a signal is handled from here on.
    let stop = stop_signal(printer::MAX_WAIT)?;
    let printer = Printer::start();
    let outcome = tokio::select! {
        () = stop => Ok(false),
        outcome = print(&arguments, &context, &printer) => outcome.map(|()| true),
    };
    if matches!(outcome, Ok(true)) {
        return printer.finish().await;
    }
    printer.finish_in_time().await;
    outcome.map(|_| ())
}

/// Prints the selected events until there are no more or the reader has closed the output.
async fn print(arguments: &Arguments, context: &Context, printer: &Printer) -> Result<(), Failure> {
    let filter = AuditFilter {
        kinds: arguments.kind.iter().flat_map(|SelectedKinds(kinds)| kinds.clone()).collect(),
        user_id: match &arguments.user {
            Some(user) => Some(id_of(&context.database, user).await?),
            None => None,
        },
        client_id: arguments.client.clone(),
    };
    let since_ms = arguments.since.map_or(0, |since| since.at_ms(context.clock.now_ms()));
    let mut tail = Tail::new(context.database.clone(), Arc::clone(&context.clock), filter, since_ms);
    if let Some(limit) = arguments.limit {
        tail.skip_to_newest(limit).await?;
    }
    let mut polls: u32 = 0;
    loop {
        match poll(&mut tail, polls, printer, arguments.text).await {
            Ok(true) if arguments.follow => {}
            Ok(_) => return Ok(()),
            // With `--follow`, a restart of the database does not end the command.
            Err(PollError::Database(error)) if arguments.follow && error.is_transient() => {
                tracing::warn!(%error, "audit.not_read");
            }
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(POLL_INTERVAL).await;
        if printer::is_closed() {
            return Ok(());
        }
        polls = polls.wrapping_add(1);
    }
}

/// An error that stopped reading or formatting.
#[derive(Debug, thiserror::Error)]
enum PollError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// Prints all events that were not printed before. Returns whether the output is still read. Every poll but the first
/// reads some time back again, and one in [`FULL_REREAD_EVERY`] reads the whole window.
async fn poll(tail: &mut Tail, polls: u32, printer: &Printer, as_text: bool) -> Result<bool, PollError> {
    if polls > 0 {
        let back_ms = if polls.is_multiple_of(FULL_REREAD_EVERY) { tail::WINDOW_MS } else { REREAD_MS };
        tail.rewind(back_ms).await?;
    }
    loop {
        let (rows, is_last) = tail.next().await?;
        let mut chunk = String::new();
        for row in &rows {
            chunk.push_str(&format_event(row, as_text)?);
            chunk.push('\n');
        }
        let is_read = printer.print(chunk).await;
        if is_last || !is_read {
            return Ok(is_read);
        }
    }
}

fn format_event(row: &AuditRow, as_text: bool) -> serde_json::Result<String> {
    if as_text { Ok(line::text(row)) } else { line::json(row) }
}

/// Returns the id of a user given by name or id. An id may be that of a deleted user.
async fn id_of(database: &Database, user: &str) -> Result<String, Failure> {
    let id = user.parse::<Uuid>().ok();
    let named = match Username::parse(user).ok().map(|name| name.key().to_owned()) {
        Some(key) => {
            let find = move |conn: &mut _| users::find_by_name(conn, &key);
            database.read(find).await?.map(|credentials| credentials.user.id)
        }
        None => None,
    };
    match (id, named) {
        (Some(id), Some(other)) if id != other => Err(AccountError::Ambiguous.into()),
        (Some(id), _) | (None, Some(id)) => Ok(id.to_string()),
        (None, None) => Err(format!("no user has the name {user}").into()),
    }
}
