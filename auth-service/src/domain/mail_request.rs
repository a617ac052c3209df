//! What a mail in the queue is made from. A link's token is made at each try, so no payload holds a valid secret.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::CallerKind;

/// The most bytes of an identifier: a name or an address.
pub const MAX_IDENTIFIER_BYTES: usize = 500;

/// What somebody typed to say which account is meant: a name or an address. Nothing says whether there is such an account.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identifier(String);

/// The text can be neither a name nor an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a name or an e-mail address")]
pub struct InvalidIdentifier;

impl Identifier {
    /// Takes what was typed, without outer spaces.
    pub fn parse(text: &str) -> Result<Self, InvalidIdentifier> {
        let text = text.trim();
        let is_possible =
            (1..=MAX_IDENTIFIER_BYTES).contains(&text.len()) && !text.contains(char::is_control);
        if is_possible { Ok(Self(text.to_owned())) } else { Err(InvalidIdentifier) }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Identifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identifier([redacted])")
    }
}

/// What the owner of an account is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// The password was changed.
    PasswordChanged,
    /// Somebody who is signed in wants another address.
    AddressChangeRequested,
    /// Another address has replaced this one.
    AddressChanged,
    /// Failed logins locked the account for a time.
    AccountLocked {
        /// The length of the lock, in seconds.
        length_s: i64,
        /// How the account knows the callers who are locked out.
        callers: CallerKind,
    },
}

/// What a mail is about. Who gets it is looked up when it is sent, except for notices, which go to an address that may
/// no longer be the user's.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mail", rename_all = "snake_case")]
pub enum MailRequest {
    /// Somebody forgot a password.
    Forgot {
        /// What was typed.
        identifier: Identifier,
    },
    /// Somebody wants the verification mail again.
    VerifyAgain {
        /// What was typed.
        identifier: Identifier,
    },
    /// The address of this user is to be verified.
    Verify {
        /// The user.
        user_id: Uuid,
    },
    /// The pending address of this user is to be verified.
    Change {
        /// The user.
        user_id: Uuid,
        /// The address, which may be replaced meanwhile.
        email: String,
    },
    /// The owner is told of something.
    Notice {
        /// The user.
        user_id: Uuid,
        /// What happened.
        kind: NoticeKind,
        /// The verified address of the user when it happened.
        email: String,
        /// When it happened.
        at_ms: i64,
    },
    /// Somebody is invited to register.
    Invitation {
        /// The address.
        email: String,
    },
}

impl std::fmt::Debug for MailRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.receiver().as_str())
    }
}

impl MailRequest {
    /// What operators see as the receiver: the id of the user where it is known, else what the mail is about.
    fn receiver(&self) -> String {
        match self {
            Self::Forgot { .. } => "forgotten password".to_owned(),
            Self::VerifyAgain { .. } => "verification".to_owned(),
            Self::Verify { user_id } | Self::Change { user_id, .. } | Self::Notice { user_id, .. } => {
                user_id.to_string()
            }
            Self::Invitation { .. } => "invitation".to_owned(),
        }
    }
}

/// A mail as it stands in the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuedMail {
    /// What it is about.
    #[serde(flatten)]
    pub request: MailRequest,
    /// The language of the request that caused it (a BCP 47 tag), if that was known.
    pub language: Option<String>,
}

impl QueuedMail {
    /// What operators see as the receiver: no address of a person.
    pub fn receiver(&self) -> String {
        self.request.receiver()
    }

    /// The payload of the message.
    pub fn payload(&self) -> String {
        // Texts and numbers alone: this cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads the payload of a message.
    pub fn read(payload: &str) -> Option<Self> {
        serde_json::from_str(payload).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_read_as_it_was_written() {
        let user_id = Uuid::from_u128(1);
        let email = "a@example.org".to_owned();
        let identifier = Identifier::parse(" Ada ").unwrap();
        for request in [
            MailRequest::Forgot { identifier: identifier.clone() },
            MailRequest::VerifyAgain { identifier },
            MailRequest::Verify { user_id },
            MailRequest::Change { user_id, email: email.clone() },
            MailRequest::Notice {
                user_id,
                kind: NoticeKind::PasswordChanged,
                email: email.clone(),
                at_ms: 5,
            },
            MailRequest::Notice {
                user_id,
                kind: NoticeKind::AccountLocked { length_s: 900, callers: CallerKind::Device },
                email: email.clone(),
                at_ms: 5,
            },
            MailRequest::Invitation { email },
        ] {
            let mail = QueuedMail { request, language: Some("de".to_owned()) };
            assert_eq!(QueuedMail::read(&mail.payload()), Some(mail.clone()));
            assert!(!mail.receiver().contains('@'));
        }
        assert_eq!(QueuedMail::read("{}"), None);
        assert_eq!(QueuedMail::read(""), None);
    }

    #[test]
    fn an_identifier_is_one_line_of_bounded_length() {
        assert_eq!(Identifier::parse(" a@b ").unwrap().as_str(), "a@b");
        for text in ["", "  ", "a\0", "a\r\nBcc: b@c", &"x".repeat(501)] {
            assert!(Identifier::parse(text).is_err(), "{text:?}");
        }
    }
}
