//! Which rows of each table are removed, and when.

use service_kit::database::{DatabaseError, DbConnection};

use crate::storage::{
    audit, authorization_codes, browser_sessions, client_secrets, login_locks, login_networks, mailed_links,
    queue, refresh_tokens, revocations, sessions, throttle_counters,
};

/// How much longer a row is kept after it has ended, to allow for clock skew. In milliseconds.
const MARGIN_MS: i64 = 120_000;
/// How long a used code is kept after its expiry, so that its reuse is detected and ends the session that it began.
/// In milliseconds.
const CODES_KEPT_MS: i64 = 86_400_000;
/// How long a message that was given up is kept, so that an operator can look at it or try it again. In milliseconds: a
/// week.
const FAILED_MESSAGES_KEPT_MS: i64 = 604_800_000;

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
    /// Messages of the queue that were given up. The others are deleted when they are delivered.
    QueueMessages,
    /// Links that were mailed.
    MailedLinks,
    /// Locks of budgets of guesses.
    LoginLocks,
    /// Networks from which accounts logged in.
    LoginNetworks,
    /// Counters of the throttle, where there is no Redis.
    ThrottleCounters,
    /// Audit events.
    AuditEvents,
}

impl Table {
    /// All tables, in the order in which they are pruned.
    pub const ALL: [Self; 12] = [
        Self::RefreshTokens,
        Self::Sessions,
        Self::BrowserSessions,
        Self::AuthorizationCodes,
        Self::ClientSecrets,
        Self::Revocations,
        Self::QueueMessages,
        Self::MailedLinks,
        Self::LoginLocks,
        Self::LoginNetworks,
        Self::ThrottleCounters,
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
            Self::QueueMessages => "queue_messages",
            Self::MailedLinks => "mailed_links",
            Self::LoginLocks => "login_locks",
            Self::LoginNetworks => "login_networks",
            Self::ThrottleCounters => "throttle_counters",
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
            Self::QueueMessages => queue::prune(conn, now_ms.saturating_sub(FAILED_MESSAGES_KEPT_MS), limit),
            Self::MailedLinks => mailed_links::prune(conn, over_ms, limit),
            Self::LoginLocks => login_locks::prune(conn, over_ms, limit),
            Self::LoginNetworks => login_networks::prune(conn, over_ms, limit),
            Self::ThrottleCounters => throttle_counters::prune(conn, over_ms, limit),
            Self::AuditEvents => match rules.audit_ms {
                Some(kept_ms) => audit::prune(conn, now_ms.saturating_sub(kept_ms), limit),
                None => Ok(0),
            },
        }
    }
}
