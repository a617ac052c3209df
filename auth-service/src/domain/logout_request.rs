//! A logout request (OpenID Connect RP-Initiated Logout 1.0 §2), before anything that it says is believed.

use serde::{Deserialize, Serialize};

use super::authorization_request::decoded_pairs;

/// The longest logout request, in bytes of its encoded parameters.
pub const MAX_LOGOUT_REQUEST_BYTES: usize = 8192;

/// The parameters of a logout request. An empty one counts as absent. The short names of the members keep addresses
/// short, because a page carries the request, sealed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogoutRequest {
    /// An `id_token` that the client got.
    #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
    pub id_token_hint: Option<String>,
    /// The client that asks.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The address to which the browser is redirected after the sign-out, if it is registered.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub post_logout_redirect_uri: Option<String>,
    /// What goes back with the person, as it came.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// The languages that the person prefers.
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    pub ui_locales: Option<String>,
}

/// Why a logout request cannot be read. Nothing of it counts then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLogoutRequest {
    /// The parameters are too long.
    #[error("the request is longer than {MAX_LOGOUT_REQUEST_BYTES} bytes")]
    TooLong,
    /// The parameters are not encoded correctly.
    #[error("the parameters are not application/x-www-form-urlencoded")]
    Malformed,
    /// A parameter was given twice.
    #[error("{0} was given more than once")]
    Repeated(&'static str),
}

impl LogoutRequest {
    /// Reads `application/x-www-form-urlencoded` text. Unknown parameters are ignored.
    ///
    /// # Errors
    /// If it is too long, is not UTF-8 after decoding, or has a parameter twice.
    pub fn parse(encoded: &str) -> Result<Self, InvalidLogoutRequest> {
        if encoded.len() > MAX_LOGOUT_REQUEST_BYTES {
            return Err(InvalidLogoutRequest::TooLong);
        }
        let pairs = decoded_pairs(encoded).ok_or(InvalidLogoutRequest::Malformed)?;
        let single = |name: &'static str| {
            let mut values = pairs.iter().filter(|(found, _)| found == name).map(|(_, value)| value);
            match (values.next(), values.next()) {
                (_, Some(_)) => Err(InvalidLogoutRequest::Repeated(name)),
                (value, None) => Ok(value.filter(|value| !value.is_empty()).cloned()),
            }
        };
        Ok(Self {
            id_token_hint: single("id_token_hint")?,
            client_id: single("client_id")?,
            post_logout_redirect_uri: single("post_logout_redirect_uri")?,
            state: single("state")?,
            ui_locales: single("ui_locales")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<LogoutRequest, InvalidLogoutRequest> {
        LogoutRequest::parse(text)
    }

    #[test]
    fn empty_counts_as_absent_and_unknown_is_ignored() {
        let empty = parse("id_token_hint=&client_id&post_logout_redirect_uri=&state=&ui_locales=");
        assert_eq!(empty, Ok(LogoutRequest::default()));
        assert_eq!(parse(""), Ok(LogoutRequest::default()));
        assert_eq!(parse("logout_hint=a&logout_hint=b&&x"), Ok(LogoutRequest::default()));
    }

    #[test]
    fn what_cannot_be_read_for_certain_is_refused() {
        use InvalidLogoutRequest::{Malformed, Repeated, TooLong};
        for (text, expected) in [
            ("state=a&state=a", Repeated("state")),
            ("state=&state=a", Repeated("state")),
            ("id_token_hint=a&id_token_hint=b", Repeated("id_token_hint")),
            ("client_id=a&client_id=", Repeated("client_id")),
            ("post_logout_redirect_uri=a&post_logout_redirect_uri=b", Repeated("post_logout_redirect_uri")),
            ("ui_locales=de&ui_locales=en", Repeated("ui_locales")),
            ("state=%ff", Malformed),
        ] {
            assert_eq!(parse(text), Err(expected), "{text}");
        }
        assert_eq!(parse(&format!("state={}", "x".repeat(8187))), Err(TooLong));
        assert!(parse(&format!("state={}", "x".repeat(8186))).is_ok());
    }

    proptest! {
        #[test]
        fn a_state_is_kept_as_it_came(state in "\\PC{1,300}") {
            let encoded = url::form_urlencoded::Serializer::new(String::new()).append_pair("state", &state).finish();
            prop_assume!(encoded.len() <= MAX_LOGOUT_REQUEST_BYTES);
            prop_assert_eq!(parse(&encoded).unwrap().state, Some(state));
        }
    }
}
