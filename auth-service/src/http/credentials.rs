//! Login by password, shared by `/auth/token` and `/auth/login`.

use service_kit::http::HttpError;
use shared_claims::claims::FIRST_PARTY_CLIENT;
use shared_claims::scope::Scopes;

use super::caller::Caller;
use super::refuse::{bad_credentials, unknown_scope};
use crate::accounts::{Accounts, Authentication};
use crate::tokens::{Ask, Login, TokenAnswer, Tokens};

/// Verifies the password and begins a session.
pub(super) async fn log_in(
    accounts: &Accounts,
    tokens: &Tokens,
    username: &str,
    password: &str,
    scope: Scopes,
    Caller(initiator): Caller,
) -> Result<TokenAnswer, HttpError> {
    let authentication = accounts.authenticate(username, password, FIRST_PARTY_CLIENT, &initiator).await?;
    let Authentication::Proven(proven) = authentication else { return Err(bad_credentials()) };
    let ask = Ask { scope: Some(scope), resources: Vec::new() };
    match tokens.issue(proven, FIRST_PARTY_CLIENT.to_owned(), ask, initiator).await? {
        Login::Issued { tokens, .. } => Ok(*tokens),
        Login::Refused | Login::ClientEnded => Err(bad_credentials()),
        Login::TooMuch(_) => Err(unknown_scope()),
    }
}
