//! Sessions. A session is a token family that one login began.

use std::collections::BTreeSet;

use shared_claims::scope::Scopes;
use uuid::Uuid;

use super::BrowserSessionLimits;

/// A session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The session id, which is the `sid` of its tokens.
    pub id: Uuid,
    /// The user it belongs to.
    pub user_id: Uuid,
    /// The client that it belongs to.
    pub client_id: String,
    /// The scope of its tokens.
    pub scope: Scopes,
    /// The audience of its tokens, besides the issuer.
    pub audience: Vec<String>,
    /// How the user authenticated (RFC 8176).
    pub amr: Vec<String>,
    /// When the user authenticated.
    pub auth_time_s: i64,
    /// When it began.
    pub created_at_ms: i64,
    /// When it last issued a token. May be up to a minute too early, because not every use is stored.
    pub last_used_at_ms: i64,
    /// When it ends if it is not used before. May be up to a minute too late.
    pub idle_expires_at_ms: i64,
    /// Its absolute end. None of its tokens lives longer.
    pub expires_at_ms: i64,
    /// When it was ended.
    pub ended_at_ms: Option<i64>,
    /// The `User-Agent` of the login.
    pub user_agent: Option<String>,
    /// The address that the login came from.
    pub address: Option<String>,
    /// When its last access token expires. May be up to a minute too late.
    pub access_expires_at_s: i64,
    /// The browser session that it came from; `None` if it began without the hosted pages.
    pub browser_session_id: Option<Uuid>,
    /// Single members of the userinfo response that it may read, beside those of its scope.
    pub userinfo_claims: BTreeSet<String>,
}

/// The shortest interval between two updates of a session's last use, so that not every refresh writes the row.
const NOTED_EVERY_MS: i64 = 60_000;

impl Session {
    /// Whether it can still issue tokens and its tokens are still valid.
    pub fn is_live(&self, now_ms: i64) -> bool {
        self.ended_at_ms.is_none() && now_ms < self.expires_at_ms && now_ms < self.idle_expires_at_ms
    }

    /// Stores the expiry of its first tokens.
    pub fn note_first_use(&mut self, access_end_s: i64, refresh_end_ms: i64) {
        self.access_expires_at_s = access_end_s;
        self.idle_expires_at_ms = refresh_end_ms.saturating_add(NOTED_EVERY_MS);
    }

    /// Notes that it issued tokens with this expiry. Returns whether the row is to be updated. The stored expiry is a
    /// minute later than the actual one, so that it also covers tokens of the next minute.
    #[must_use]
    pub fn note_use(&mut self, now_ms: i64, access_end_s: i64, refresh_end_ms: i64) -> bool {
        let is_used = now_ms.saturating_sub(self.last_used_at_ms) >= NOTED_EVERY_MS;
        if is_used {
            self.last_used_at_ms = now_ms;
        }
        let is_later = access_end_s > self.access_expires_at_s || refresh_end_ms > self.idle_expires_at_ms;
        if is_used || is_later {
            let access_end_s = access_end_s.saturating_add(NOTED_EVERY_MS.div_euclid(1000));
            self.access_expires_at_s = self.access_expires_at_s.max(access_end_s);
            self.idle_expires_at_ms =
                self.idle_expires_at_ms.max(refresh_end_ms.saturating_add(NOTED_EVERY_MS));
        }
        is_used || is_later
    }
}

/// Limits on the lifetime and the number of sessions.
#[derive(Clone, Copy, Debug)]
pub struct SessionLimits {
    /// The maximum age of a session, in seconds. Refreshes do not prolong it.
    pub max_age_s: i64,
    /// How long a session may be unused, in seconds; `None` if only the lifetime of refresh tokens limits it.
    pub idle_s: Option<i64>,
    /// The most sessions of a user.
    pub max_per_user: Option<u32>,
    /// The limits on the life of browser sessions.
    pub browser: BrowserSessionLimits,
}

impl SessionLimits {
    /// Limits the lifetime of a session's token to the idle time: otherwise the token would outlive its session.
    pub fn within_idle_s(self, life_s: i64) -> i64 {
        self.idle_s.map_or(life_s, |idle_s| life_s.min(idle_s))
    }
}

/// Why a session was ended before its expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The user logged out of it.
    Logout,
    /// The user ended it from another session.
    EndedByUser,
    /// The user disconnected its client.
    Disconnected,
    /// The user ended all sessions.
    LogoutAll,
    /// A new login in the same browser replaced it, so that no session remains that no browser can use or end.
    NewLogin,
    /// Its refresh token was revoked (RFC 7009).
    Revoked,
    /// Too many of its access tokens were revoked one by one. Ending the session takes one revocation fact instead of
    /// many.
    TooManyRevoked,
    /// A refresh token was reused.
    Reuse,
    /// An authorization code was reused.
    CodeReuse,
    /// Its client was disabled or deleted.
    ClientEnded,
    /// A newer session replaced it because the user has reached the limit of sessions.
    Displaced,
    /// An operator disabled the user or changed the password.
    Administration,
    /// The user changed the password from another session.
    PasswordChanged,
    /// The password was set with a mailed link.
    PasswordReset,
    /// The database was restored to an earlier state.
    Restored,
}

impl EndReason {
    /// The name in the database and in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::EndedByUser => "ended_by_user",
            Self::Disconnected => "disconnected",
            Self::LogoutAll => "logout_all",
            Self::NewLogin => "new_login",
            Self::Revoked => "revoked",
            Self::TooManyRevoked => "too_many_revoked",
            Self::Reuse => "reuse",
            Self::CodeReuse => "code_reuse",
            Self::ClientEnded => "client_ended",
            Self::Displaced => "displaced",
            Self::Administration => "administration",
            Self::PasswordChanged => "password_changed",
            Self::PasswordReset => "password_reset",
            Self::Restored => "restored",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn session() -> Session {
        Session {
            id: Uuid::nil(),
            user_id: Uuid::nil(),
            client_id: "first-party".to_owned(),
            scope: Scopes::default(),
            audience: Vec::new(),
            amr: Vec::new(),
            auth_time_s: 0,
            created_at_ms: 0,
            last_used_at_ms: 0,
            idle_expires_at_ms: 0,
            expires_at_ms: 1_000_000_000,
            ended_at_ms: None,
            user_agent: None,
            address: None,
            access_expires_at_s: 0,
            browser_session_id: None,
            userinfo_claims: BTreeSet::new(),
        }
    }

    proptest! {
        /// For any sequence of uses: the stored expiry covers every token, and is at most a minute too late; and
        /// after the first use the row is written at most once a minute.
        #[test]
        fn what_is_noted_covers_every_token(
            gaps_ms in proptest::collection::vec(0_i64..90_000, 1..60),
            access_ttl_s in 1_i64..2_000,
            refresh_ttl_ms in 1_i64..10_000_000,
        ) {
            let mut stored = session();
            stored.note_first_use(access_ttl_s, refresh_ttl_ms);
            let (mut now_ms, mut written_ms) = (0, None::<i64>);
            for gap_ms in gaps_ms {
                now_ms += gap_ms;
                let (access_end_s, refresh_end_ms) = (now_ms / 1000 + access_ttl_s, now_ms + refresh_ttl_ms);
                let used_ms = stored.last_used_at_ms;
                if stored.note_use(now_ms, access_end_s, refresh_end_ms) {
                    // The first update may be followed by another one within the minute after the login.
                    let since = written_ms.map_or(i64::MAX, |before| now_ms - before);
                    prop_assert!(since >= NOTED_EVERY_MS || written_ms < Some(NOTED_EVERY_MS));
                    written_ms = Some(now_ms);
                }
                let moved_by = stored.last_used_at_ms - used_ms;
                prop_assert!(moved_by == 0 || moved_by >= NOTED_EVERY_MS);
                prop_assert!((0..=60).contains(&(stored.access_expires_at_s - access_end_s)));
                prop_assert!((0..=60_000).contains(&(stored.idle_expires_at_ms - refresh_end_ms)));
                prop_assert!((0..60_000).contains(&(now_ms - stored.last_used_at_ms)));
            }
        }
    }

    #[test]
    fn it_ends_by_idleness_by_age_and_by_word() {
        let live = Session { idle_expires_at_ms: 100, expires_at_ms: 200, ..session() };
        assert!(live.is_live(99) && !live.is_live(100));
        assert!(!Session { idle_expires_at_ms: 300, ..live.clone() }.is_live(200));
        assert!(!Session { ended_at_ms: Some(1), ..live }.is_live(99));
    }
}
