//! Cuts: revoke all tokens of a user up to one moment.

use service_kit::database::DbConnection;
use shared_claims::revocation::{Fact, Kind};

use super::logout::REMEMBER_S;
use crate::domain::{EndReason, User};
use crate::storage::{authorization_codes, revocations, sessions, users};
use diesel::QueryResult;

/// The settings that a cut has to cover.
#[derive(Clone, Copy, Debug)]
pub struct CutRules {
    /// The most by which the clocks of replicas may differ, in milliseconds.
    pub clock_skew_ms: i64,
    /// The lifetime of an access token, in seconds.
    pub access_ttl_s: i64,
}

/// A cut against a user, taken under the user's lock. Every token that was issued before the lock is older than the
/// cut, and every later one is newer.
pub(crate) struct UserCut(Fact);

impl CutRules {
    /// Takes the cut and stores its time with the user. `now_ms` must be read under the user's lock.
    pub(crate) fn cut(self, conn: &mut DbConnection, user: &User, now_ms: i64) -> QueryResult<UserCut> {
        let now = now_ms.div_euclid(1000);
        let past_the_last = user.token_cut_ms.map_or(i64::MIN, |cut| cut.saturating_add(1));
        let cut = now_ms.saturating_add(self.clock_skew_ms).max(past_the_last);
        let last_expiry = sessions::last_access_expiry_of_user(conn, user.id)?.unwrap_or(now);
        let exp = last_expiry.max(now.saturating_add(self.access_ttl_s)).saturating_add(REMEMBER_S);
        users::set_token_cut(conn, user.id, cut, now_ms)?;
        Ok(UserCut(Fact { kind: Kind::Sub, id: user.id.to_string(), at: Some(cut), exp }))
    }

    /// Takes the cut, ends the user's sessions, and deletes unredeemed codes, which could begin new sessions.
    pub(crate) fn end_all(
        self,
        conn: &mut DbConnection,
        user: &User,
        reason: EndReason,
        now_ms: i64,
    ) -> QueryResult<UserCut> {
        let cut = self.cut(conn, user, now_ms)?;
        sessions::end_all_of_user(conn, user.id, reason, now_ms)?;
        authorization_codes::delete_unused_of_user(conn, user.id)?;
        Ok(cut)
    }
}

impl UserCut {
    /// Appends the revocation fact. This must be the last step of the transaction. Returns the fact's sequence
    /// number.
    pub(crate) fn append(&self, conn: &mut DbConnection, now_ms: i64) -> QueryResult<i64> {
        revocations::append(conn, &self.0, now_ms)
    }
}
