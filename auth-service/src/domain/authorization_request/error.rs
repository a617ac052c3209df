//! The errors that an authorization request is answered with.

/// The error codes that are sent to a client (RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6, RFC 8707 §2,
/// OpenID Connect Unmet Authentication Requirements).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named as the standards name them")]
pub enum AuthorizationError {
    /// With a text for the client's developer.
    InvalidRequest(&'static str),
    UnauthorizedClient,
    AccessDenied,
    UnsupportedResponseType,
    InvalidScope,
    InvalidTarget,
    ServerError,
    TemporarilyUnavailable,
    LoginRequired,
    ConsentRequired,
    InteractionRequired,
    RequestNotSupported,
    RequestUriNotSupported,
    UnmetAuthenticationRequirements,
}

impl AuthorizationError {
    /// The value of `error`.
    pub fn code(self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "invalid_request",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::AccessDenied => "access_denied",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::ServerError => "server_error",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::LoginRequired => "login_required",
            Self::ConsentRequired => "consent_required",
            Self::InteractionRequired => "interaction_required",
            Self::RequestNotSupported => "request_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::UnmetAuthenticationRequirements => "unmet_authentication_requirements",
        }
    }

    /// The value of `error_description`: what the client's developer can do.
    pub fn description(self) -> &'static str {
        match self {
            Self::InvalidRequest(what) => what,
            Self::UnauthorizedClient => "the client may not use the grant authorization_code",
            Self::AccessDenied => "the user refused the request",
            Self::UnsupportedResponseType => "response_type must be code",
            Self::InvalidScope => "none of the requested scopes is allowed for the client",
            Self::InvalidTarget => "a requested resource is not one of the client's audiences",
            Self::ServerError => "the request failed, try again later",
            Self::TemporarilyUnavailable => "the service is busy, try again in a few seconds",
            Self::LoginRequired => "the user has to sign in",
            Self::ConsentRequired => "the user has to allow the request",
            Self::InteractionRequired => "the user has to continue on a page",
            Self::RequestNotSupported => "the parameter request is not supported",
            Self::RequestUriNotSupported => "the parameter request_uri is not supported",
            Self::UnmetAuthenticationRequirements => "no requested acr can be met",
        }
    }
}
