//! A token in the client's own name (RFC 6749 §4.4): no user, no session, no refresh token, and nothing written.

use super::mint::{Minted, Subject};
use super::{Given, Terms, TokenAnswer, TokenError, Tokens};

impl Tokens {
    /// Issues. `as_of_ms` was read *before* the client was found to be active: so the token's time lies before whatever
    /// cut follows its being switched off, however long this process stands still in between.
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
