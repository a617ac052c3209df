//! What a mail says.

use std::fmt;

use crate::domain::CallerKind;

/// A mail with everything that it says.
///
/// `username` is somebody's free choice. It is `None` in a mail to an address that is not verified: such a mail carries no
/// text that a stranger chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Letter {
    /// The link with which a new password is chosen.
    PasswordReset {
        /// The account, where the address is verified.
        username: Option<String>,
        /// The link to the page `/reset-password`.
        link: MailedLink,
    },
    /// The link that verifies the address of an account, after the registration or on request.
    Verification {
        /// The link to the page `/verify-email`.
        link: MailedLink,
    },
    /// The link that verifies the address which is to replace the present one of an account. It goes to the new address.
    NewAddress {
        /// The link to the page `/verify-email`.
        link: MailedLink,
    },
    /// Tells the present address that somebody asked to replace it.
    AddressChangeRequested {
        /// The account, where the address is verified.
        username: Option<String>,
        /// When it was asked for, in milliseconds since the epoch.
        at_ms: i64,
    },
    /// Tells the former address that another one has replaced it.
    AddressChanged {
        /// The account, where the address was verified.
        username: Option<String>,
        /// When it was replaced, in milliseconds since the epoch.
        at_ms: i64,
    },
    /// Tells the owner that the account has another password, by a reset or by a change.
    PasswordChanged {
        /// The account, where the address is verified.
        username: Option<String>,
        /// When it was changed, in milliseconds since the epoch.
        at_ms: i64,
    },
    /// Tells the owner that failed logins locked the account for a time.
    AccountLocked {
        /// The account, where the address is verified.
        username: Option<String>,
        /// When it was locked, in milliseconds since the epoch.
        at_ms: i64,
        /// The length of the lock, in seconds.
        length_s: i64,
        /// How the account knows the callers who are locked out.
        callers: CallerKind,
    },
    /// The link with which somebody who was invited creates an account.
    Invitation {
        /// The link to the page `/register`.
        link: MailedLink,
    },
    /// The mail of `auth-service mail test`.
    Test {
        /// When the command was given, in milliseconds since the epoch.
        at_ms: i64,
    },
}

impl Letter {
    /// The names of all kinds.
    pub const NAMES: [&str; 9] = [
        "password-reset",
        "verification",
        "new-address",
        "address-change-requested",
        "address-changed",
        "password-changed",
        "account-locked",
        "invitation",
        "test",
    ];

    /// The name of the kind of letter, in the log and for `auth-service mail preview`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::PasswordReset { .. } => "password-reset",
            Self::Verification { .. } => "verification",
            Self::NewAddress { .. } => "new-address",
            Self::AddressChangeRequested { .. } => "address-change-requested",
            Self::AddressChanged { .. } => "address-changed",
            Self::PasswordChanged { .. } => "password-changed",
            Self::AccountLocked { .. } => "account-locked",
            Self::Invitation { .. } => "invitation",
            Self::Test { .. } => "test",
        }
    }

    /// The account that the letter names.
    pub(super) fn username(&self) -> Option<&str> {
        match self {
            Self::PasswordReset { username, .. }
            | Self::AddressChangeRequested { username, .. }
            | Self::AddressChanged { username, .. }
            | Self::PasswordChanged { username, .. }
            | Self::AccountLocked { username, .. } => username.as_deref(),
            Self::Verification { .. }
            | Self::NewAddress { .. }
            | Self::Invitation { .. }
            | Self::Test { .. } => None,
        }
    }
}

/// A link that carries a token, and how long it works.
#[derive(Clone, PartialEq, Eq)]
pub struct MailedLink {
    /// The link, as [`link`](super::link()) builds it.
    pub url: String,
    /// Its lifetime in seconds.
    pub life_s: i64,
    /// When it ends, in milliseconds since the epoch.
    pub ends_at_ms: i64,
}

impl fmt::Debug for MailedLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailedLink")
            .field("url", &"[redacted]")
            .field("life_s", &self.life_s)
            .field("ends_at_ms", &self.ends_at_ms)
            .finish()
    }
}
