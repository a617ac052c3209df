//! The parameters of an authorization request, before the client is known.

use percent_encoding::percent_decode_str;

use super::AuthorizationError;
use crate::domain::Client;

/// The longest authorization request, in bytes of its encoded parameters.
pub const MAX_REQUEST_BYTES: usize = 4096;

/// The decoded parameters of an authorization request, as they were sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters(Vec<(String, String)>);

/// Decodes `application/x-www-form-urlencoded` text; `None` if a name or value is not UTF-8 after decoding.
pub(in crate::domain) fn decoded_pairs(encoded: &str) -> Option<Vec<(String, String)>> {
    let decoded = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8().ok().map(std::borrow::Cow::into_owned)
    };
    let pairs = encoded.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decoded(name)?, decoded(value)?))
        })
        .collect()
}

/// The request names no client or redirect URI that could receive an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnansweredRequest {
    /// The parameters are too long.
    #[error("the request is longer than {MAX_REQUEST_BYTES} bytes")]
    TooLong,
    /// The parameters are not encoded correctly.
    #[error("the parameters are not application/x-www-form-urlencoded")]
    Malformed,
    /// `client_id` is missing.
    #[error("client_id is missing")]
    NoClient,
    /// `client_id` was given twice.
    #[error("client_id was given more than once")]
    SeveralClients,
    /// `redirect_uri` is missing.
    #[error("redirect_uri is missing")]
    NoRedirectUri,
    /// `redirect_uri` was given twice.
    #[error("redirect_uri was given more than once")]
    SeveralRedirectUris,
    /// There is no such client, or it was disabled.
    #[error("the client is unknown")]
    UnknownClient,
    /// The redirect URI is not registered for the client.
    #[error("the redirect_uri is not registered for this client")]
    UnknownRedirectUri,
}

impl Parameters {
    /// Decodes `application/x-www-form-urlencoded` text.
    ///
    /// # Errors
    /// If it is too long, or if a name or value is not UTF-8 after decoding: `state` could not be returned as it was.
    pub fn parse(encoded: &str) -> Result<Self, UnansweredRequest> {
        if encoded.len() > MAX_REQUEST_BYTES {
            return Err(UnansweredRequest::TooLong);
        }
        decoded_pairs(encoded).map(Self).ok_or(UnansweredRequest::Malformed)
    }

    /// The parameters, encoded again.
    pub fn encode(&self) -> String {
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }

    /// The client's id.
    ///
    /// # Errors
    /// If it is missing or was given twice.
    pub fn client_id(&self) -> Result<&str, UnansweredRequest> {
        self.single("client_id", UnansweredRequest::NoClient, UnansweredRequest::SeveralClients)
    }

    /// The redirect URI, if the client may use it.
    ///
    /// # Errors
    /// If it is missing, was given twice, or is not one of the client's.
    pub fn redirect_uri(&self, client: &Client) -> Result<&str, UnansweredRequest> {
        let (none, several) = (UnansweredRequest::NoRedirectUri, UnansweredRequest::SeveralRedirectUris);
        let asked = self.single("redirect_uri", none, several)?;
        let is_registered = client.redirect_uris.iter().any(|registered| registered.allows(asked));
        if is_registered { Ok(asked) } else { Err(UnansweredRequest::UnknownRedirectUri) }
    }

    /// Whether nothing may be shown to the person (`prompt=none`).
    pub fn is_silent(&self) -> bool {
        self.values("prompt").any(|value| value.split_ascii_whitespace().any(|word| word == "none"))
    }

    /// The value of `ui_locales`, if it was given once.
    pub fn ui_locales(&self) -> Option<&str> {
        self.optional("ui_locales").ok().flatten()
    }

    pub(super) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    fn single(
        &self,
        name: &'static str,
        none: UnansweredRequest,
        several: UnansweredRequest,
    ) -> Result<&str, UnansweredRequest> {
        let mut values = self.values(name);
        match (values.next(), values.next()) {
            (None | Some(""), None) => Err(none),
            (Some(value), None) => Ok(value),
            (_, Some(_)) => Err(several),
        }
    }

    /// A parameter that may be given once. An empty value counts as absent (RFC 6749 §3.1).
    pub(super) fn optional(&self, name: &'static str) -> Result<Option<&str>, AuthorizationError> {
        let mut values = self.values(name);
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(AuthorizationError::InvalidRequest("a parameter was given more than once")),
            (value, None) => Ok(value.filter(|value| !value.is_empty())),
        }
    }

    /// `state` as it came, also an empty one; `None` if it was given twice, since neither is certain.
    pub(super) fn state(&self) -> Option<&str> {
        let mut values = self.values("state");
        values.next().filter(|_| values.next().is_none())
    }
}
