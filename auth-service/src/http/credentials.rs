//! Login by password, shared by `/auth/token` and `/auth/login`.

use service_kit::http::HttpError;
use shared_claims::claims::FIRST_PARTY_CLIENT;
use shared_claims::scope::Scopes;

use super::caller::Caller;
use super::refuse::{bad_credentials, unknown_scope};
use crate::accounts::{Accounts, Authentication};
use crate::tokens::{AccessRequest, IssuedTokens, LoginOutcome, Tokens};

/// Verifies the password and begins a session.
pub(super) async fn log_in(
    accounts: &Accounts,
    tokens: &Tokens,
    username: &str,
    password: &str,
    scope: Scopes,
    Caller(initiator): Caller,
) -> Result<IssuedTokens, HttpError> {
    let authentication = accounts.authenticate(username, password, FIRST_PARTY_CLIENT, &initiator).await?;
    let Authentication::Verified(credentials) = authentication else { return Err(bad_credentials()) };
    let access = AccessRequest { scope: Some(scope), resources: Vec::new() };
    match tokens.log_in(credentials, FIRST_PARTY_CLIENT.to_owned(), access, initiator).await? {
        LoginOutcome::Issued { tokens, .. } => Ok(*tokens),
        LoginOutcome::CredentialsChanged | LoginOutcome::ClientEnded => Err(bad_credentials()),
        LoginOutcome::ExceedsGrant(_) => Err(unknown_scope()),
    }
}
