//! Grant types (RFC 6749).

/// A grant type (RFC 6749 §4, §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GrantType {
    /// A code from the hosted pages (§4.1).
    AuthorizationCode,
    /// A refresh token that another grant type issued (§6).
    RefreshToken,
    /// The client in its own name (§4.4).
    ClientCredentials,
    /// A user's password (§4.3). OAuth 2.1 removes this grant type, so a client has it only if an operator adds it.
    Password,
}

impl GrantType {
    /// All grant types.
    pub const ALL: [Self; 4] =
        [Self::AuthorizationCode, Self::RefreshToken, Self::ClientCredentials, Self::Password];

    /// The value of `grant_type` on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
            Self::Password => "password",
        }
    }

    /// The grant type with this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grant| grant.as_str() == text)
    }
}
