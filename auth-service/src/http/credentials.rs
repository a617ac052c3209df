//! A login by password, as `/auth/token` and `/auth/login` share it.

use service_kit::http::Refusal;
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
    let Authentication::Proven(proven) = accounts.authenticate(username, password).await? else {
        tracing::warn!(outcome = "refused", "auth.login");
        return Err(bad_credentials());
    };
    let user_id = proven.user_id;
    match tokens.issue(proven, scope, origin).await? {
        Login::Issued { session_id, tokens } => {
            tracing::info!(outcome = "ok", %user_id, %session_id, "auth.login");
            Ok(*tokens)
        }
        Login::Refused => {
            tracing::warn!(outcome = "changed_meanwhile", %user_id, "auth.login");
            Err(bad_credentials())
        }
    }
}
