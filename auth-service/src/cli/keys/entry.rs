//! The form in which commands print a signing key.

use serde::Serialize;
use service_kit::timestamp::rfc3339;

use super::super::table::table;
use super::{Context, Failure};
use crate::keys::{Jwk, stored_keys};
use crate::storage::signing_keys::SigningKeyRow;

/// The JSON document for a key of the key set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Entry {
    pub(super) kid: String,
    pub(super) state: String,
    pub(super) created_at: String,
    pub(super) activates_at: String,
    pub(super) retires_at: Option<String>,
    /// Only printed by `export-public`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) jwk: Option<Jwk>,
    /// Only printed by `reencrypt`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reencrypted: Option<bool>,
}

impl Entry {
    pub(super) fn of(row: &SigningKeyRow) -> Self {
        Self {
            kid: row.kid.clone(),
            state: row.state.clone(),
            created_at: rfc3339(row.created_at_ms),
            activates_at: rfc3339(row.activates_at_ms),
            retires_at: row.retires_at_ms.map(rfc3339),
            jwk: None,
            reencrypted: None,
        }
    }
}

/// Reads the keys from the database, oldest first.
pub(super) async fn entries(context: &Context) -> Result<Vec<Entry>, Failure> {
    Ok(stored_keys(&context.database).await?.iter().map(Entry::of).collect())
}

/// Formats keys as a table.
pub(super) fn tabled(entries: &[Entry]) -> String {
    let rows: Vec<_> = entries
        .iter()
        .map(|entry| {
            let retires_at = entry.retires_at.clone().unwrap_or_default();
            [&entry.kid, &entry.state, &entry.created_at, &entry.activates_at, &retires_at].map(Clone::clone)
        })
        .collect();
    table(["KID", "STATE", "CREATED", "ACTIVATES", "RETIRES"], &rows)
}
