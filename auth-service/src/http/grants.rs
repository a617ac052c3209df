//! The two grants of the first-party endpoints: a password and a refresh token. `/auth/token` takes both, `/auth/login`
//! and `/auth/refresh` one each.

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use service_kit::http::HttpError;
use shared_claims::claims::FIRST_PARTY_CLIENT;
use shared_claims::scope::Scopes;

use super::account::typed_problem;
use super::caller::Caller;
use crate::accounts::{Accounts, Authentication};
use crate::domain::{DeviceCookie, Initiator, LoginSource, RefreshTokenPlain, Throttled};
use crate::tokens::{AccessRequest, IssuedTokens, LoginOutcome, RefreshOutcome, Tokens};

/// A login: the tokens, and what the device keeps of it.
pub(super) struct LoggedIn {
    pub(super) tokens: IssuedTokens,
    pub(super) device: DeviceCookie,
}

/// Verifies the password and begins a session.
pub(super) async fn log_in(
    accounts: &Accounts,
    tokens: &Tokens,
    username: &str,
    password: &str,
    scope: Scopes,
    Caller(initiator): Caller,
) -> Result<LoggedIn, HttpError> {
    let source = LoginSource::network_of(&initiator);
    let authentication =
        accounts.authenticate(username, password, FIRST_PARTY_CLIENT, source, &initiator).await?;
    let credentials = match authentication {
        Authentication::Verified(credentials) => credentials,
        Authentication::Refused => return Err(bad_credentials()),
        Authentication::EmailNotVerified => return Err(email_not_verified()),
    };
    let device = accounts.remember_device(credentials.user_id, credentials.version, &initiator);
    let access = AccessRequest { scope: Some(scope), resources: Vec::new() };
    match tokens.log_in(credentials, FIRST_PARTY_CLIENT.to_owned(), access, initiator).await? {
        LoginOutcome::Issued { tokens, .. } => Ok(LoggedIn { tokens: *tokens, device }),
        LoginOutcome::CredentialsChanged | LoginOutcome::ClientEnded => Err(bad_credentials()),
        LoginOutcome::ExceedsGrant(_) => Err(unknown_scope()),
    }
}

/// Rotates a refresh token.
pub(super) async fn rotate(
    tokens: &Tokens,
    presented: &str,
    scope: Option<Scopes>,
    initiator: Initiator,
) -> Result<IssuedTokens, HttpError> {
    let Some(presented) = RefreshTokenPlain::parse(presented) else { return Err(bad_refresh_token()) };
    let access = AccessRequest { scope, resources: Vec::new() };
    match tokens.refresh(presented, tokens.first_party_policy(), access, initiator).await? {
        RefreshOutcome::Issued { user_id, session_id, is_replay, tokens } => {
            tracing::info!(%user_id, %session_id, is_replay, "auth.refresh");
            Ok(*tokens)
        }
        RefreshOutcome::Reused | RefreshOutcome::InvalidToken => Err(bad_refresh_token()),
        RefreshOutcome::ExceedsGrant(_) => Err(unknown_scope()),
        RefreshOutcome::Throttled(throttled) => Err(too_many_requests(throttled)),
    }
}

/// The response to every failed login, whatever the reason.
pub(super) fn bad_credentials() -> HttpError {
    HttpError::new(StatusCode::UNAUTHORIZED, "Incorrect username or password")
        .with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}

/// The response to the right password of a user who has to verify the address first.
fn email_not_verified() -> HttpError {
    let detail = "Confirm your e-mail address first: a mail with a link is on its way";
    typed_problem(StatusCode::FORBIDDEN, "email-not-verified", detail)
}

/// The response to every refused refresh token, whatever the reason.
pub(super) fn bad_refresh_token() -> HttpError {
    HttpError::new(StatusCode::UNAUTHORIZED, "The refresh token is invalid, expired or was used before")
        .with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}

/// The response when a rate limit was reached. The time to wait is only in the `Retry-After` header, so that the body
/// is always the same.
pub(super) fn too_many_requests(Throttled { retry_after_s }: Throttled) -> HttpError {
    HttpError::new(StatusCode::TOO_MANY_REQUESTS, "Too many requests, try again later")
        .with_header(RETRY_AFTER, HeaderValue::from(retry_after_s))
}

pub(super) fn unknown_scope() -> HttpError {
    HttpError::new(StatusCode::BAD_REQUEST, "The requested scope is unknown or more than may be given")
}
