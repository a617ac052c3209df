//! What one login gave: a token family.

use shared_claims::scope::Scopes;
use uuid::Uuid;

/// A session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The `sid` of its tokens.
    pub id: Uuid,
    /// Whose it is.
    pub user_id: Uuid,
    /// The client that it was given to.
    pub client_id: String,
    /// What its tokens permit.
    pub scope: Scopes,
    /// The resources that its tokens are for, besides the issuer.
    pub audience: Vec<String>,
    /// How the user authenticated (RFC 8176).
    pub amr: Vec<String>,
    /// When the user authenticated.
    pub auth_time_s: i64,
    /// When it began.
    pub created_at_ms: i64,
    /// When it last gave a token.
    pub last_used_at_ms: i64,
    /// Its absolute end: nothing that it gives lives longer.
    pub expires_at_ms: i64,
    /// When it was ended.
    pub ended_at_ms: Option<i64>,
    /// The browser or program, as it called itself.
    pub user_agent: Option<String>,
    /// Where the login came from.
    pub address: Option<String>,
    /// When the last access token that it gave ends.
    pub access_expires_at_s: i64,
}

impl Session {
    /// Whether it still gives tokens, and its tokens still count.
    pub fn is_live(&self, now_ms: i64) -> bool {
        self.ended_at_ms.is_none() && now_ms < self.expires_at_ms
    }
}

/// Why a session was ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The user said so there.
    Logout,
    /// The user said so from another session.
    EndedByUser,
    /// The user ended all of them.
    LogoutAll,
    /// Its refresh token was revoked (RFC 7009).
    Revoked,
    /// A refresh token was used again.
    Reuse,
    /// An authorization code was used again.
    CodeReuse,
    /// Its client was switched off or removed.
    ClientEnded,
    /// A newer session took its place: the user may have only so many.
    Displaced,
    /// The user was switched off or the password changed.
    Administration,
}

impl EndReason {
    /// The name in the database and in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::EndedByUser => "ended_by_user",
            Self::LogoutAll => "logout_all",
            Self::Revoked => "revoked",
            Self::Reuse => "reuse",
            Self::CodeReuse => "code_reuse",
            Self::ClientEnded => "client_ended",
            Self::Displaced => "displaced",
            Self::Administration => "administration",
        }
    }
}
