//! Cuts: revoke all tokens of a user up to one moment.

use service_kit::database::DatabaseError;
use shared_claims::issuer::contract::fact_expiry_s;
use shared_claims::revocation::{RevocationFact, RevocationKind};

use crate::domain::{EndReason, User};
use crate::storage::{Transaction, authorization_codes, sessions, users};

/// The settings that a cut has to cover.
#[derive(Clone, Copy, Debug)]
pub struct CutRules {
    /// The most by which the clocks of replicas may differ, in milliseconds.
    pub clock_skew_ms: i64,
    /// The lifetime of an access token, in seconds.
    pub access_ttl_s: i64,
}

impl CutRules {
    /// Takes a cut against the user: revokes every access token that was issued up to now. The caller holds the user's
    /// lock, so every token that was issued before the lock is older than the cut, and every later one is newer.
    pub(crate) fn cut(self, transaction: &mut Transaction<'_>, user: &User) -> Result<(), DatabaseError> {
        let now_ms = transaction.now_ms();
        let now = now_ms.div_euclid(1000);
        let past_the_last = user.token_cut_ms.map_or(i64::MIN, |cut| cut.saturating_add(1));
        let cut = now_ms.saturating_add(self.clock_skew_ms).max(past_the_last);
        let last_expiry = sessions::last_access_expiry_of_user(transaction.conn(), user.id)?.unwrap_or(now);
        let exp = fact_expiry_s(last_expiry.max(now.saturating_add(self.access_ttl_s)));
        users::set_token_cut(transaction.conn(), user.id, cut, now_ms)?;
        transaction.revoke(RevocationFact {
            kind: RevocationKind::Sub,
            id: user.id.to_string(),
            at: Some(cut),
            exp,
        });
        Ok(())
    }

    /// Takes the cut, ends the user's sessions, and deletes unredeemed codes, which could begin new sessions.
    pub(crate) fn end_all(
        self,
        transaction: &mut Transaction<'_>,
        user: &User,
        reason: EndReason,
    ) -> Result<(), DatabaseError> {
        self.cut(transaction, user)?;
        let now_ms = transaction.now_ms();
        sessions::end_all_of_user(transaction.conn(), user.id, reason, now_ms)?;
        authorization_codes::delete_unused_of_user(transaction.conn(), user.id)?;
        Ok(())
    }
}
