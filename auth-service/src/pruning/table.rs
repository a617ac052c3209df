//! What is forgotten of each table, and when.

use diesel::QueryResult;
use service_kit::database::DbConnection;

use crate::storage::{audit, authorization_codes, client_secrets, refresh_tokens, revocations, sessions};

/// What is over is kept this much longer, for clocks that differ.
const MARGIN_MS: i64 = 120_000;
/// A code that was used is remembered this long after its end: what it gave ends if it is used again.
const CODES_KEPT_MS: i64 = 86_400_000;

/// How long what is kept.
#[derive(Clone, Copy, Debug)]
pub struct PruneRules {
    /// For how long a refresh token's parent is forgiven: so long it must be remembered. One that was used before that
    /// ends its session, which it names itself.
    pub refresh_replay_ms: i64,
    /// How long the record of an event is kept; for ever without it.
    pub audit_ms: Option<i64>,
}

/// A table that grows by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// Those that were used, before the sessions, with which the others go.
    RefreshTokens,
    /// With their last refresh tokens.
    Sessions,
    /// Codes.
    AuthorizationCodes,
    /// Secrets that a rotation replaced.
    ClientSecrets,
    /// Facts.
    Revocations,
    /// The record of events.
    AuditEvents,
}

impl Table {
    /// In the order in which they are pruned.
    pub const ALL: [Self; 6] = [
        Self::RefreshTokens,
        Self::Sessions,
        Self::AuthorizationCodes,
        Self::ClientSecrets,
        Self::Revocations,
        Self::AuditEvents,
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RefreshTokens => "refresh_tokens",
            Self::Sessions => "sessions",
            Self::AuthorizationCodes => "authorization_codes",
            Self::ClientSecrets => "client_secrets",
            Self::Revocations => "revocations",
            Self::AuditEvents => "audit_events",
        }
    }

    /// Removes at most `limit` rows; how many.
    pub(super) fn prune(
        self,
        conn: &mut DbConnection,
        rules: &PruneRules,
        now_ms: i64,
        limit: i64,
    ) -> QueryResult<usize> {
        let over_ms = now_ms.saturating_sub(MARGIN_MS);
        match self {
            Self::RefreshTokens => {
                refresh_tokens::prune(conn, over_ms.saturating_sub(rules.refresh_replay_ms), limit)
            }
            Self::Sessions => sessions::prune(conn, over_ms, limit),
            Self::AuthorizationCodes => {
                authorization_codes::prune(conn, over_ms, over_ms.saturating_sub(CODES_KEPT_MS), limit)
            }
            Self::ClientSecrets => client_secrets::prune(conn, over_ms, limit),
            Self::Revocations => revocations::prune(conn, over_ms.div_euclid(1000), limit),
            Self::AuditEvents => match rules.audit_ms {
                Some(kept_ms) => audit::prune(conn, now_ms.saturating_sub(kept_ms), limit),
                None => Ok(0),
            },
        }
    }
}
