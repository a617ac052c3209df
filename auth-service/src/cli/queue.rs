//! `auth-service queue`.

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use serde::Serialize;
use service_kit::database::DatabaseError;
use service_kit::timestamp::rfc3339;
use uuid::Uuid;

use super::output::{Format, Report, table};
use super::{Context, Failure};
use crate::domain::{AuditEvent, AuditKind, Initiator, LOGOUT_TOKEN, MessageState, QueuedMessage};
use crate::storage::queue::{self, MessageFilter};

#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) format: Format,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List messages that are not delivered yet or were given up, oldest first
    List(ListArguments),
    /// Try a message now, and for another day
    Retry(MessageArgument),
    /// Delete a message: its receiver never gets it
    Drop(MessageArgument),
}

#[derive(Args)]
struct ListArguments {
    /// Only messages of this kind, such as `logout_token`
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Only messages in this state
    #[arg(long, value_name = "STATE", value_parser = PossibleValuesParser::new(MessageState::ALL.map(MessageState::as_str)))]
    state: Option<String>,
    /// The most messages in the list
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=10_000))]
    limit: i64,
    /// Begin after the message with this id, which is the last one of the list before
    #[arg(long, value_name = "ID")]
    after: Option<Uuid>,
}

#[derive(Args)]
struct MessageArgument {
    /// The id of the message
    #[arg(value_name = "ID")]
    id: Uuid,
}

pub(super) async fn run(arguments: Arguments, context: &Context) -> Result<Report, Failure> {
    let now_ms = context.clock.now_ms();
    match arguments.command {
        Command::List(ListArguments { kind, state, limit, after }) => {
            let state = MessageState::ALL.into_iter().find(|known| Some(known.as_str()) == state.as_deref());
            let filter = MessageFilter { kind, state, after };
            let listed = context.database.read(move |conn| queue::list(conn, &filter, now_ms, limit)).await?;
            let documents: Vec<_> =
                listed.iter().map(|message| MessageDocument::of(message, now_ms)).collect();
            Report::new(&documents, as_table(&documents))
        }
        Command::Retry(MessageArgument { id }) => {
            let retried = context.unit_of_work.commit(move |transaction| {
                let message = queue::retry_now(transaction.conn(), id, now_ms)?;
                if let Some(found) = &message {
                    transaction.record(event(AuditKind::MessageRetried, found));
                }
                Ok::<_, DatabaseError>(message)
            });
            let Some(message) = retried.await?.value else {
                let found = context.database.read(move |conn| queue::find(conn, id)).await?;
                return Err(if found.is_some() {
                    format!("{id} is being sent right now").into()
                } else {
                    unknown(id)
                });
            };
            Report::new(
                &MessageDocument::of(&message, now_ms),
                format!("{id} is tried now, and for another day."),
            )
        }
        Command::Drop(MessageArgument { id }) => {
            let dropped = context.unit_of_work.commit(move |transaction| {
                let message = queue::find(transaction.conn(), id)?;
                // It may have been delivered since.
                if !queue::delete(transaction.conn(), id)? {
                    return Ok(None);
                }
                if let Some(found) = &message {
                    transaction.record(event(AuditKind::MessageDropped, found));
                }
                Ok::<_, DatabaseError>(message)
            });
            let Some(message) = dropped.await?.value else { return Err(unknown(id)) };
            Report::new(&MessageDocument::of(&message, now_ms), format!("{id} is deleted."))
        }
    }
}

/// The audit event for what an operator did with a message.
fn event(kind: AuditKind, message: &QueuedMessage) -> AuditEvent {
    let event = AuditEvent::new(kind, &Initiator::operator());
    let event = event.subject(format!("{} {}", message.kind, message.id));
    // Receivers of other kinds may be e-mail addresses.
    if message.kind == LOGOUT_TOKEN { event.client(&message.receiver) } else { event }
}

fn unknown(id: Uuid) -> Failure {
    format!("no message {id} is in the queue: it was delivered, or given up a week ago").into()
}

/// The JSON document for a message. It leaves the payload out, which may be of use to whoever reads it.
#[derive(Serialize)]
struct MessageDocument {
    id: String,
    kind: String,
    state: &'static str,
    receiver: String,
    tries: i64,
    created_at: String,
    /// When it is tried next; while it is being sent, when another replica may take it over.
    next_try_at: Option<String>,
    gives_up_at: String,
    failed_at: Option<String>,
    error: Option<String>,
}

impl MessageDocument {
    fn of(message: &QueuedMessage, now_ms: i64) -> Self {
        Self {
            id: message.id.to_string(),
            kind: message.kind.clone(),
            state: message.state(now_ms).as_str(),
            receiver: message.receiver.clone(),
            tries: message.tries,
            created_at: rfc3339(message.created_at_ms),
            next_try_at: message.due_at_ms.map(rfc3339),
            gives_up_at: rfc3339(message.give_up_at_ms),
            failed_at: message.failed_at_ms.map(rfc3339),
            error: message.last_error.clone(),
        }
    }
}

fn as_table(messages: &[MessageDocument]) -> String {
    let rows: Vec<_> = messages
        .iter()
        .map(|message| {
            [
                message.id.clone(),
                message.kind.clone(),
                message.state.to_owned(),
                message.receiver.clone(),
                message.tries.to_string(),
                message.created_at.clone(),
                message.next_try_at.clone().unwrap_or_default(),
                message.error.clone().unwrap_or_default(),
            ]
        })
        .collect();
    table(["ID", "KIND", "STATE", "RECEIVER", "TRIES", "CREATED", "NEXT TRY", "ERROR"], &rows)
}
