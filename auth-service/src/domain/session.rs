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
    /// When it last gave a token, but for the last minute.
    pub last_used_at_ms: i64,
    /// When it ends if it gives no token before, and up to a minute later.
    pub idle_expires_at_ms: i64,
    /// Its absolute end: nothing that it gives lives longer.
    pub expires_at_ms: i64,
    /// When it was ended.
    pub ended_at_ms: Option<i64>,
    /// The browser or program, as it called itself.
    pub user_agent: Option<String>,
    /// Where the login came from.
    pub address: Option<String>,
    /// When the last access token that it gave has ended, and up to a minute later.
    pub access_expires_at_s: i64,
}

/// How often the use of a session is noted: not at each refresh.
const NOTED_EVERY_MS: i64 = 60_000;

impl Session {
    /// Whether it still gives tokens, and its tokens still count.
    pub fn is_live(&self, now_ms: i64) -> bool {
        self.ended_at_ms.is_none() && now_ms < self.expires_at_ms && now_ms < self.idle_expires_at_ms
    }

    /// Notes the ends of the first tokens that it gives.
    pub fn note_first_use(&mut self, access_end_s: i64, refresh_end_ms: i64) {
        self.access_expires_at_s = access_end_s;
        self.idle_expires_at_ms = refresh_end_ms.saturating_add(NOTED_EVERY_MS);
    }

    /// Notes that it gave tokens with these ends; whether that is to be stored. Ends are noted ahead, so that what is
    /// stored is late enough for the tokens of the next minute too.
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

/// How long sessions last, and how many there may be.
#[derive(Clone, Copy, Debug)]
pub struct SessionLimits {
    /// The absolute end, whatever is refreshed.
    pub max_age_s: i64,
    /// How long one may give no token, if that is limited beside the life of refresh tokens.
    pub idle_s: Option<i64>,
    /// How many a user may have.
    pub max_per_user: Option<u32>,
}

impl SessionLimits {
    /// Shortens the life of something that a session gives: a token that outlived the idle time would outlive its
    /// session.
    pub fn within_idle_s(self, life_s: i64) -> i64 {
        self.idle_s.map_or(life_s, |idle_s| life_s.min(idle_s))
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
    /// Somebody logged in where it was: no session lives on in nobody's hands.
    NewLogin,
    /// Its refresh token was revoked (RFC 7009).
    Revoked,
    /// More of its access tokens were revoked one by one than are told to verifiers one by one.
    TooManyRevoked,
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
            Self::NewLogin => "new_login",
            Self::Revoked => "revoked",
            Self::TooManyRevoked => "too_many_revoked",
            Self::Reuse => "reuse",
            Self::CodeReuse => "code_reuse",
            Self::ClientEnded => "client_ended",
            Self::Displaced => "displaced",
            Self::Administration => "administration",
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
        }
    }

    proptest! {
        /// However often it is used: what is stored covers every token, by a minute more at most, and after the first
        /// time it is written once a minute at most.
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
                    // The first time may be followed by another within the minute that began with the login.
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
