//! The form in which commands print a client.

use serde::Serialize;
use service_kit::timestamp::rfc3339;

use super::super::table::table;
use super::{Failure, Report};
use crate::clients::{Changed, CurrentMetadata, RegisteredClient};

/// The JSON document for a client.
#[derive(Serialize)]
pub(super) struct Entry {
    client_id: String,
    /// The secret in plain, only when this command has just created it.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
    #[serde(flatten)]
    metadata: CurrentMetadata,
    active: bool,
    declared: bool,
    secrets: Vec<SecretEntry>,
    created_at: String,
    updated_at: String,
}

/// The public properties of a secret.
#[derive(Serialize)]
struct SecretEntry {
    created_at: String,
    expires_at: Option<String>,
}

impl Entry {
    pub(super) fn of(registered: &RegisteredClient) -> Self {
        let client = &registered.client;
        let secrets = registered.secrets.iter().map(|secret| SecretEntry {
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
    pub(super) fn described(&self) -> String {
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

fn state(is_active: bool) -> &'static str {
    if is_active { "active" } else { "disabled" }
}

/// Formats clients as a table.
pub(super) fn tabled(clients: &[RegisteredClient]) -> String {
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

/// The report of a command that created or changed a client. This is the only place that shows a secret.
pub(super) fn shown(changed: &Changed) -> Result<Report, Failure> {
    let client_secret = changed.secret.as_ref().map(|secret| secret.expose().to_owned());
    let entry = Entry { client_secret, ..Entry::of(&changed.registered) };
    let text = match &entry.client_secret {
        Some(secret) => {
            format!("{}\n\nThe secret, shown now and never again:\n{secret}", entry.described())
        }
        None => entry.described(),
    };
    Report::new(&entry, text)
}
