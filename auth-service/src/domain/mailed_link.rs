//! Links that are mailed: to choose a new password, to verify an address, to register by invitation. A link carries a token,
//! which is stored as a hash.

use uuid::Uuid;

use super::opaque_secret::only_random;
use super::{Email, OpaqueKind, OpaqueSecret, SecretHash, User};

/// How long a used token still answers whoever has not got the answer to its use, in milliseconds.
pub const REPLAY_MS: i64 = 60_000;
/// How often a used token is answered within [`REPLAY_MS`].
pub const MOST_REPLAYS: i64 = 3;

/// The token of a link: carried by the mail, and stored as a hash.
pub type LinkToken = OpaqueSecret<MailedLink>;

/// The stored hash of a token.
pub type LinkTokenHash = SecretHash<MailedLink>;

impl OpaqueKind for MailedLink {
    const PREFIX: &'static str = "lkm_";
    type Content = ();

    fn read(bytes: &[u8]) -> Option<()> {
        only_random(bytes)
    }
}

/// What a link is for. It counts for nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkPurpose {
    /// Choosing a new password.
    Reset,
    /// Verifying the address of an account.
    Verify,
    /// Verifying the address that replaces the one of an account.
    Change,
    /// Registering an account.
    Invitation,
}

impl LinkPurpose {
    /// All purposes.
    pub const ALL: [Self; 4] = [Self::Reset, Self::Verify, Self::Change, Self::Invitation];

    /// The name in the database and in the record of events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Verify => "verify",
            Self::Change => "change",
            Self::Invitation => "invitation",
        }
    }

    /// The purpose with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == name)
    }

    /// The lifetime of a link, in seconds.
    pub const fn life_s(self) -> i64 {
        match self {
            Self::Reset => 3_600,
            Self::Verify | Self::Change => 86_400,
            Self::Invitation => 604_800,
        }
    }
}

/// The use of a link that set a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkUse {
    /// When it was used.
    pub at_ms: i64,
    /// The version of the user's credentials that the use made.
    pub version: i64,
}

/// A mailed link as it stands in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailedLink {
    /// What it is for.
    pub purpose: LinkPurpose,
    /// The user; `None` for an invitation.
    pub user_id: Option<Uuid>,
    /// The address that it was sent to.
    pub email: String,
    /// The key of the address.
    pub email_key: String,
    /// The version of the user's credentials when it was made.
    pub version: i64,
    /// When it was made.
    pub created_at_ms: i64,
    /// When its time is up.
    pub expires_at_ms: i64,
    /// When a change of the password or the address ended it.
    pub ended_at_ms: Option<i64>,
    /// Its use.
    pub used: Option<LinkUse>,
    /// How often its use was repeated.
    pub replays: i64,
}

/// What a link is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// It works.
    Live,
    /// It was used a moment ago, and set the password that the user still has.
    Replayable,
    /// It was used.
    Used,
    /// Its time is up, or something that it depends on has changed.
    Over,
}

impl MailedLink {
    /// A new link to this address.
    pub fn new(
        purpose: LinkPurpose,
        owner: Option<(Uuid, i64)>,
        email: &str,
        email_key: String,
        now_ms: i64,
    ) -> Self {
        Self {
            purpose,
            user_id: owner.map(|(id, _)| id),
            email: email.to_owned(),
            email_key,
            version: owner.map_or(0, |(_, version)| version),
            created_at_ms: now_ms,
            expires_at_ms: now_ms.saturating_add(purpose.life_s().saturating_mul(1000)),
            ended_at_ms: None,
            used: None,
            replays: 0,
        }
    }

    /// What it is worth now. `owner` is its user as the row stands, with the version of the credentials. A link is bound to
    /// the address that it was sent to, so that a change which does not know of links ends it too.
    pub fn state(&self, owner: Option<(&User, i64)>, now_ms: i64) -> LinkState {
        if let Some(used) = self.used {
            let is_recent = now_ms < used.at_ms.saturating_add(REPLAY_MS);
            let is_same = owner.is_some_and(|(user, version)| user.is_active && version == used.version);
            let may_repeat = self.purpose == LinkPurpose::Reset && self.replays < MOST_REPLAYS;
            return if is_recent && is_same && may_repeat { LinkState::Replayable } else { LinkState::Used };
        }
        let is_over = self.ended_at_ms.is_some() || now_ms >= self.expires_at_ms;
        if is_over || !self.is_bound_to(owner) { LinkState::Over } else { LinkState::Live }
    }

    /// Whether everything that it depends on is as it was.
    fn is_bound_to(&self, owner: Option<(&User, i64)>) -> bool {
        let Some((user, version)) = owner else { return self.purpose == LinkPurpose::Invitation };
        if self.user_id != Some(user.id) || !user.is_active || self.version != version {
            return false;
        }
        let is_sent_to = |address: Option<&str>| {
            address.and_then(Email::key_of_identifier).is_some_and(|key| key == self.email_key)
        };
        match self.purpose {
            LinkPurpose::Reset => user.email_verified && is_sent_to(user.email.as_deref()),
            LinkPurpose::Verify => !user.email_verified && is_sent_to(user.email.as_deref()),
            LinkPurpose::Change => is_sent_to(user.pending_email.as_deref()),
            LinkPurpose::Invitation => false,
        }
    }
}

#[cfg(test)]
mod tests;
