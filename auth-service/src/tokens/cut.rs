//! The end of all that a user has.

use service_kit::database::DbConnection;
use shared_claims::revocation::{Fact, Kind};

use super::logout::REMEMBER_S;
use crate::domain::{EndReason, User};
use crate::storage::{authorization_codes, revocations, sessions, users};
use diesel::QueryResult;

/// What a cut has to cover.
#[derive(Clone, Copy, Debug)]
pub struct CutRules {
    /// How far the clocks of replicas may be apart.
    pub clock_skew_ms: i64,
    /// Life of an access token.
    pub access_ttl_s: i64,
}

/// A cut against a user, begun under the user's lock: what was issued before lies before it, what comes after lies
/// after it.
pub(crate) struct UserCut(Fact);

impl CutRules {
    /// Decides on the cut, and notes it with the user. `now_ms` was read under the user's lock.
    pub(crate) fn cut(self, conn: &mut DbConnection, user: &User, now_ms: i64) -> QueryResult<UserCut> {
        let now = now_ms.div_euclid(1000);
        let past_the_last = user.token_cut_ms.map_or(i64::MIN, |cut| cut.saturating_add(1));
        let cut = now_ms.saturating_add(self.clock_skew_ms).max(past_the_last);
        let last_expiry = sessions::last_access_expiry_of_user(conn, user.id)?.unwrap_or(now);
        let exp = last_expiry.max(now.saturating_add(self.access_ttl_s)).saturating_add(REMEMBER_S);
        users::set_token_cut(conn, user.id, cut, now_ms)?;
        Ok(UserCut(Fact { kind: Kind::Sub, id: user.id.to_string(), at: Some(cut), exp }))
    }

    /// The same, and ends the user's sessions, and the codes that would begin others.
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
    /// Commits the fact with the transaction, of which this is the last step; the fact's place.
    pub(crate) fn append(&self, conn: &mut DbConnection, now_ms: i64) -> QueryResult<i64> {
        revocations::append(conn, &self.0, now_ms)
    }
}
