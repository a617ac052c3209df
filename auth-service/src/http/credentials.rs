//! A login by password, as `/auth/token` and `/auth/login` share it.

use service_kit::http::Refusal;
use shared_claims::claims::FIRST_PARTY_CLIENT;
use shared_claims::scope::Scopes;

use super::caller::Caller;
use super::refuse::bad_credentials;
use crate::accounts::{Accounts, Authentication};
use crate::tokens::{Login, TokenAnswer, Tokens};

/// Verifies and begins a session.
pub(super) async fn log_in(
    accounts: &Accounts,
    tokens: &Tokens,
    username: &str,
    password: &str,
    scope: Scopes,
    Caller(origin): Caller,
) -> Result<TokenAnswer, Refusal> {
    let authentication = accounts.authenticate(username, password, FIRST_PARTY_CLIENT, &origin).await?;
    let Authentication::Proven(proven) = authentication else { return Err(bad_credentials()) };
    match tokens.issue(proven, scope, origin).await? {
        Login::Issued { tokens, .. } => Ok(*tokens),
        Login::Refused => Err(bad_credentials()),
    }
}
