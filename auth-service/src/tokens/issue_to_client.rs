//! Issues a token in the client's own name (RFC 6749 §4.4): no user, no session, no refresh token, and no write to
//! the database.

use super::mint::{Minted, Subject};
use super::{Given, Terms, TokenAnswer, TokenError, Tokens};

impl Tokens {
    /// Issues a token. `as_of_ms` must be read *before* the client is found to be active. So the token's time is
    /// earlier than the cut of any later disabling of the client, even if this process is paused in between.
    pub async fn issue_to_client(
        &self,
        terms: &Terms,
        given: Given,
        as_of_ms: i64,
    ) -> Result<TokenAnswer, TokenError> {
        let claims = self.inner.mint(terms, Subject::Client, given, as_of_ms);
        self.inner.answer(Minted { claims, refresh: None }).await
    }
}
