//! Which rows of each table are removed, and when.

use service_kit::database::{DatabaseError, DbConnection};

use crate::storage::{
    audit, authorization_codes, browser_sessions, client_secrets, refresh_tokens, revocations, sessions,
};

/// How much longer a row is kept after it has ended, to allow for clock skew. In milliseconds.
const MARGIN_MS: i64 = 120_000;
/// How long a used code is kept after its expiry, so that its reuse is detected and ends the session that it began.
/// In milliseconds.
const CODES_KEPT_MS: i64 = 86_400_000;

/// How long rows are kept.
#[derive(Clone, Copy, Debug)]
pub struct PruneRules {
    /// How long a used refresh token may be replayed, in milliseconds. It must be kept for that long. A token that
    /// was used earlier need not be kept: it contains the id of its session, and its reuse ends that session.
    pub refresh_replay_ms: i64,
    /// How long an audit event is kept, in milliseconds; `None`: for ever.
    pub audit_ms: Option<i64>,
}

/// A table that grows in normal operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// Used refresh tokens. They are removed before the sessions; the other refresh tokens are removed with their
    /// sessions.
    RefreshTokens,
    /// Sessions, with their remaining refresh tokens.
    Sessions,
    /// Browser sessions.
    BrowserSessions,
    /// Authorization codes.
    AuthorizationCodes,
    /// Client secrets that a rotation replaced.
    ClientSecrets,
    /// Revocation facts.
    Revocations,
    /// Audit events.
    AuditEvents,
}

impl Table {
    /// All tables, in the order in which they are pruned.
    pub const ALL: [Self; 7] = [
        Self::RefreshTokens,
        Self::Sessions,
        Self::BrowserSessions,
        Self::AuthorizationCodes,
        Self::ClientSecrets,
        Self::Revocations,
        Self::AuditEvents,
    ];

    /// The name of the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RefreshTokens => "refresh_tokens",
            Self::Sessions => "sessions",
            Self::BrowserSessions => "browser_sessions",
            Self::AuthorizationCodes => "authorization_codes",
            Self::ClientSecrets => "client_secrets",
            Self::Revocations => "revocations",
            Self::AuditEvents => "audit_events",
        }
    }

    /// Removes at most `limit` rows. Returns how many were removed.
    pub(super) fn prune(
        self,
        conn: &mut DbConnection,
        rules: &PruneRules,
        now_ms: i64,
        limit: i64,
    ) -> Result<usize, DatabaseError> {
        let over_ms = now_ms.saturating_sub(MARGIN_MS);
        match self {
            Self::RefreshTokens => {
                refresh_tokens::prune(conn, over_ms.saturating_sub(rules.refresh_replay_ms), limit)
            }
            Self::Sessions => sessions::prune(conn, over_ms, limit),
            Self::BrowserSessions => browser_sessions::prune(conn, over_ms, limit),
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
