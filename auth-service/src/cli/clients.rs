//! `auth-service clients`.

use clap::{Args, Subcommand};
use serde::Serialize;
use service_kit::timestamp::rfc3339;

use super::output::{Format, Report, table};
use super::{Context, Failure};
use crate::clients::{ChangedClient, ClientMetadata, CurrentMetadata, RegisteredClient};
use crate::domain::ClientId;

#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) format: Format,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Create a client; its secret is shown only this once
    #[command(mut_arg("name", |name| name.required(true)))]
    Create(Box<CreateArguments>),
    /// List the clients
    List,
    /// Show one client
    Show(ClientArgument),
    /// Change the properties that are given, and no others
    Update(Box<UpdateArguments>),
    /// Give a client a new secret, which is shown only this once; the old one stays valid for a while
    RotateSecret(RotateSecretArguments),
    /// Disable a client: its sessions end, its tokens are revoked
    Disable(ClientArgument),
    /// Enable a client; its former sessions and tokens stay revoked
    Enable(ClientArgument),
    /// Delete a client: its sessions end, its tokens are revoked
    Delete(ClientArgument),
}

#[derive(Args)]
struct CreateArguments {
    /// Its `client_id`; default: a generated one
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    #[command(flatten)]
    metadata: ClientMetadata,
}

#[derive(Args)]
struct UpdateArguments {
    #[command(flatten)]
    client: ClientArgument,
    #[command(flatten)]
    metadata: ClientMetadata,
}

#[derive(Args)]
struct RotateSecretArguments {
    #[command(flatten)]
    client: ClientArgument,
    /// How long the old secret stays valid; 0: it ends now
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400, value_parser = clap::value_parser!(i64).range(0..=31_536_000))]
    keep_old: i64,
}

/// The argument that names a client.
#[derive(Args)]
struct ClientArgument {
    /// The `client_id`
    #[arg(value_name = "ID")]
    id: String,
}

pub(super) async fn run(arguments: Arguments, context: &Context) -> Result<Report, Failure> {
    let clients = context.clients();
    match arguments.command {
        Command::Create(arguments) => {
            let id = arguments.id.as_deref().map(ClientId::parse).transpose()?;
            if let Some(id) = &id {
                context.ensure_not_declared(id.as_str())?;
            }
            report_changed(&clients.create(id, arguments.metadata.without_blanks()).await?)
        }
        Command::List => {
            let clients = clients.list().await?;
            let documents: Vec<_> = clients.iter().map(ClientDocument::of).collect();
            Report::new(&documents, clients_as_table(&clients))
        }
        Command::Show(ClientArgument { id }) => {
            let document = ClientDocument::of(&clients.show(&id).await?);
            Report::new(&document, document.as_text())
        }
        Command::Update(arguments) => {
            let id = &arguments.client.id;
            context.ensure_not_declared(id)?;
            report_changed(&clients.update(id, arguments.metadata.without_blanks()).await?)
        }
        Command::RotateSecret(RotateSecretArguments { client: ClientArgument { id }, keep_old }) => {
            context.ensure_not_declared(&id)?;
            report_changed(&clients.rotate_secret(&id, keep_old).await?)
        }
        Command::Disable(ClientArgument { id }) => {
            let disabled = clients.disable(&id).await?;
            Report::new(
                &ClientDocument::of(&disabled.registered),
                format!(
                    "{id} is disabled: its sessions have ended, its tokens are revoked, and it gets no new ones."
                ),
            )
        }
        Command::Enable(ClientArgument { id }) => {
            let enabled = clients.enable(&id).await?;
            Report::new(&ClientDocument::of(&enabled.registered), format!("{id} is enabled."))
        }
        Command::Delete(ClientArgument { id }) => {
            context.ensure_not_declared(&id)?;
            let deleted = clients.delete(&id).await?;
            Report::new(
                &ClientDocument::of(&deleted.registered),
                format!("{id} is deleted: its sessions have ended, its tokens are revoked."),
            )
        }
    }
}

/// The report of a command that created or changed a client. This is the only place that shows a secret.
fn report_changed(changed: &ChangedClient) -> Result<Report, Failure> {
    let client_secret = changed.secret.as_ref().map(|secret| secret.expose().to_owned());
    let document = ClientDocument { client_secret, ..ClientDocument::of(&changed.registered) };
    let text = match &document.client_secret {
        Some(secret) => {
            format!("{}\n\nThe secret, which is not shown again:\n{secret}", document.as_text())
        }
        None => document.as_text(),
    };
    Report::new(&document, text)
}

/// The JSON document for a client.
#[derive(Serialize)]
struct ClientDocument {
    client_id: String,
    /// The secret in plain, only when this command has just created it.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
    #[serde(flatten)]
    metadata: CurrentMetadata,
    active: bool,
    declared: bool,
    secrets: Vec<SecretDocument>,
    created_at: String,
    updated_at: String,
}

/// The public properties of a secret.
#[derive(Serialize)]
struct SecretDocument {
    created_at: String,
    expires_at: Option<String>,
}

impl ClientDocument {
    fn of(registered: &RegisteredClient) -> Self {
        let client = &registered.client;
        let secrets = registered.secrets.iter().map(|secret| SecretDocument {
            created_at: rfc3339(secret.created_at_ms),
            expires_at: secret.expires_at_ms.map(rfc3339),
        });
        Self {
            client_id: client.id.to_string(),
            client_secret: None,
            metadata: CurrentMetadata::of(client),
            active: client.is_active,
            declared: client.is_declared,
            secrets: secrets.collect(),
            created_at: rfc3339(client.created_at_ms),
            updated_at: rfc3339(client.updated_at_ms),
        }
    }

    /// Formats the client as text, one line for each property. Metadata has the names of the options that change it.
    fn as_text(&self) -> String {
        let secrets = self.secrets.iter().map(|secret| match &secret.expires_at {
            Some(end) => format!("of {}, until {end}", secret.created_at),
            None => format!("of {}", secret.created_at),
        });
        let others = [
            ("state", state(self.active).to_owned()),
            ("declared", self.declared.to_string()),
            ("secrets", secrets.collect::<Vec<_>>().join("; ")),
            ("created", self.created_at.clone()),
            ("updated", self.updated_at.clone()),
        ];
        let others = others.map(|(name, value)| (name.to_owned(), value));
        let lines = self.metadata.texts().chain(others).filter(|(_, value)| !value.is_empty());
        let rows: Vec<_> = lines.map(|(name, value)| [name, value]).collect();
        table(["client_id", &self.client_id], &rows)
    }
}

fn clients_as_table(clients: &[RegisteredClient]) -> String {
    let rows: Vec<_> = clients
        .iter()
        .map(|RegisteredClient { client, .. }| {
            let grants: Vec<_> = client.grants.iter().map(|grant| grant.as_str()).collect();
            [
                client.id.to_string(),
                client.name.clone(),
                if client.is_public { "public" } else { "confidential" }.to_owned(),
                state(client.is_active).to_owned(),
                grants.join(","),
                client.scopes.to_string(),
                client.audiences.join(","),
            ]
        })
        .collect();
    table(["CLIENT ID", "NAME", "KIND", "STATE", "GRANTS", "SCOPES", "AUDIENCES"], &rows)
}

fn state(is_active: bool) -> &'static str {
    if is_active { "active" } else { "disabled" }
}
