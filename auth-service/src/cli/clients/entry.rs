//! The form in which commands print a client.

use serde::Serialize;
use service_kit::timestamp::rfc3339;

use super::super::table::table;
use super::{Failure, Report};
use crate::clients::{Changed, RegisteredClient};
use crate::domain::RedirectUri;

/// The JSON document for a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "as the client has them")]
pub(super) struct Entry {
    client_id: String,
    /// The secret in plain, only when this command has just created it.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
    name: String,
    public: bool,
    active: bool,
    declared: bool,
    grants: Vec<&'static str>,
    scopes: Vec<String>,
    audiences: Vec<String>,
    redirect_uris: Vec<String>,
    post_logout_redirect_uris: Vec<String>,
    pkce_optional: bool,
    access_ttl: Option<i64>,
    refresh_ttl: Option<i64>,
    secrets: Vec<SecretEntry>,
    created_at: String,
    updated_at: String,
}

/// The public properties of a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct SecretEntry {
    created_at: String,
    expires_at: Option<String>,
}

impl Entry {
    pub(super) fn of(registered: &RegisteredClient) -> Self {
        let client = &registered.client;
        let uris = |uris: &[RedirectUri]| uris.iter().map(|uri| uri.as_str().to_owned()).collect();
        let secrets = registered.secrets.iter().map(|secret| SecretEntry {
            created_at: rfc3339(secret.created_at_ms),
            expires_at: secret.expires_at_ms.map(rfc3339),
        });
        Self {
            client_id: client.id.to_string(),
            client_secret: None,
            name: client.name.clone(),
            public: client.is_public,
            active: client.is_active,
            declared: client.is_declared,
            grants: client.grants.iter().map(|grant| grant.as_str()).collect(),
            scopes: client.scopes.iter().map(str::to_owned).collect(),
            audiences: client.audiences.clone(),
            redirect_uris: uris(&client.redirect_uris),
            post_logout_redirect_uris: uris(&client.post_logout_redirect_uris),
            pkce_optional: client.pkce_optional,
            access_ttl: client.access_ttl_s,
            refresh_ttl: client.refresh_ttl_s,
            secrets: secrets.collect(),
            created_at: rfc3339(client.created_at_ms),
            updated_at: rfc3339(client.updated_at_ms),
        }
    }

    fn kind(&self) -> String {
        if self.public { "public" } else { "confidential" }.to_owned()
    }

    fn state(&self) -> String {
        if self.active { "active" } else { "disabled" }.to_owned()
    }

    /// Formats the client as text, one line for each property.
    pub(super) fn described(&self) -> String {
        let lifetime =
            |seconds: Option<i64>| seconds.map_or_else(|| "default".to_owned(), |s| format!("{s} s"));
        let secrets = self.secrets.iter().map(|secret| match &secret.expires_at {
            Some(end) => format!("of {}, until {end}", secret.created_at),
            None => format!("of {}", secret.created_at),
        });
        let pkce = if self.pkce_optional { "optional" } else { "required" };
        let lines = [
            ("name", self.name.clone()),
            ("kind", self.kind()),
            ("state", self.state()),
            ("declared", if self.declared { "yes" } else { "no" }.to_owned()),
            ("grants", self.grants.join(", ")),
            ("scopes", self.scopes.join(" ")),
            ("audiences", self.audiences.join(", ")),
            ("redirect URIs", self.redirect_uris.join(", ")),
            ("after logout", self.post_logout_redirect_uris.join(", ")),
            ("PKCE", pkce.to_owned()),
            ("access tokens", lifetime(self.access_ttl)),
            ("refresh tokens", lifetime(self.refresh_ttl)),
            ("secrets", secrets.collect::<Vec<_>>().join("; ")),
            ("created", self.created_at.clone()),
            ("updated", self.updated_at.clone()),
        ];
        let filled = lines.into_iter().filter(|(_, value)| !value.is_empty());
        let rows: Vec<_> = filled.map(|(name, value)| [name.to_owned(), value]).collect();
        table(["client_id", &self.client_id], &rows)
    }
}

/// Formats clients as a table.
pub(super) fn tabled(entries: &[Entry]) -> String {
    let rows: Vec<_> = entries
        .iter()
        .map(|entry| {
            [
                entry.client_id.clone(),
                entry.name.clone(),
                entry.kind(),
                entry.state(),
                entry.grants.join(","),
                entry.scopes.join(" "),
                entry.audiences.join(","),
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
