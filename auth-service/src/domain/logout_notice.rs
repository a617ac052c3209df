//! The message that tells a client of the end of a session (OpenID Connect Back-Channel Logout 1.0).

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{LogoutUri, NewMessage};

/// The kind of these messages in the queue.
pub const LOGOUT_TOKEN: &str = "logout_token";

/// Whose session ended, and which one. The token itself is made for each try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogoutNotice {
    /// The user.
    pub sub: Uuid,
    /// The browser session, as the client's `id_token`s name it.
    pub sid: Uuid,
}

impl LogoutNotice {
    /// The message to this client.
    pub fn message(self, client_id: &str, uri: &LogoutUri) -> NewMessage {
        let Self { sub, sid } = self;
        NewMessage {
            kind: LOGOUT_TOKEN,
            receiver: client_id.to_owned(),
            lane: format!("{LOGOUT_TOKEN} {}", uri.host()),
            payload: format!(r#"{{"sub":"{sub}","sid":"{sid}"}}"#),
        }
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
        let notice = LogoutNotice { sub: Uuid::from_u128(1), sid: Uuid::from_u128(2) };
        let uri = LogoutUri::parse("https://app.example/out").unwrap();
        let message = notice.message("web1", &uri);
        assert_eq!(LogoutNotice::read(&message.payload), Some(notice));
        assert_eq!(message.lane, "logout_token app.example:443");
        assert_eq!(LogoutNotice::read("{}"), None);
    }
}
