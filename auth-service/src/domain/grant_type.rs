//! How tokens are got (RFC 6749).

/// How a client may get tokens (RFC 6749 §4, §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GrantType {
    /// Over the hosted pages (§4.1).
    AuthorizationCode,
    /// What goes on where another grant began (§6).
    RefreshToken,
    /// In its own name (§4.4).
    ClientCredentials,
    /// With a user's password (§4.3): OAuth 2.1 drops it, so it is off unless it is given.
    Password,
}

impl GrantType {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::AuthorizationCode, Self::RefreshToken, Self::ClientCredentials, Self::Password];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
            Self::Password => "password",
        }
    }

    /// The grant of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grant| grant.as_str() == text)
    }
}
