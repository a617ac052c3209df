//! What the page after a redirect says that was done. The address carries it, sealed, so that nobody can send a person to a page
//! that says what never happened.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::form::Fields;
use super::{Purpose, RequestPages};
use crate::sign_in::SignInError;

/// How long an address says it, in milliseconds.
const SAID_FOR_MS: i64 = 600_000;

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum DoneNotice {
    /// A password was reset.
    PasswordReset,
    /// The password was changed.
    PasswordChanged,
    /// A link is on its way to the address of the account.
    LinkSent,
    /// A link is on its way to the address that was typed.
    AddressAsked,
    /// An address was verified.
    EmailVerified,
    /// An account was made, whose address has to be verified first.
    Registered {
        /// The address.
        address: String,
    },
}

#[derive(Serialize, Deserialize)]
struct Said {
    notice: DoneNotice,
    /// Whom it is said to, if only to one user.
    user: Option<Uuid>,
    at_ms: i64,
}

impl RequestPages {
    /// The path of a page of ours that says what was done; to this user only, if one is given.
    pub(super) fn saying(
        &self,
        path: &str,
        notice: DoneNotice,
        user: Option<Uuid>,
    ) -> Result<String, SignInError> {
        let said = Said { notice, user, at_ms: self.sign_ins.now_ms() };
        Ok(format!("{path}?done={}", self.seals.seal(Purpose::Notice, &said)?))
    }

    /// What the address says that was done.
    pub(super) fn said(&self, query: &Fields, user: Option<Uuid>) -> Option<DoneNotice> {
        let said: Said = self.seals.open(Purpose::Notice, query.get("done"))?;
        let is_new = self.sign_ins.now_ms() <= said.at_ms.saturating_add(SAID_FOR_MS);
        (is_new && said.user == user).then_some(said.notice)
    }
}
