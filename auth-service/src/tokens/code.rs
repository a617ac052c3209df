//! Issues authorization codes (RFC 6749 §4.1.2) when a user has given consent on the hosted pages.

use std::sync::Arc;

use uuid::Uuid;

use super::{Ask, Inner, TokenError, Tokens, TooMuch};
use crate::domain::{AuthorizationCode, CodeChallenge, CodePlain, Device};
use crate::storage::{Transaction, authorization_codes, users};

/// The lifetime of a code, in milliseconds. It can be short because only programs are involved between the redirect
/// and the redemption.
const LIFE_MS: i64 = 60_000;

/// The most redeemable codes of one user. A further code replaces the oldest.
const MOST_UNREDEEMED: i64 = 100;

/// The consent of a user.
#[derive(Clone, Debug)]
pub struct Consent {
    /// The user.
    pub user_id: Uuid,
    /// The version of the user's credentials when they were verified.
    pub version: i64,
    /// The client that the code is issued to.
    pub client_id: String,
    /// The redirect URI, which is one of the client's.
    pub redirect_uri: String,
    /// The PKCE challenge, if the client sent one.
    pub challenge: Option<CodeChallenge>,
    /// The scope and resources of the consent.
    pub ask: Ask,
    /// The `nonce` of OpenID Connect Core §3.1.2.1.
    pub nonce: Option<String>,
    /// How the user authenticated (RFC 8176).
    pub amr: Vec<String>,
    /// When the user authenticated.
    pub auth_time_s: i64,
    /// The user's browser.
    pub device: Device,
}

/// The outcome of issuing a code.
#[derive(Debug)]
pub enum CodeGrant {
    /// The code was issued.
    Given(CodePlain),
    /// The user was disabled, or the password was changed, since the user authenticated.
    Refused,
    /// The client was disabled or deleted.
    ClientEnded,
    /// The consent exceeds what the client is allowed.
    TooMuch(TooMuch),
}

impl Tokens {
    /// Issues a code for a consent.
    pub async fn give_code(&self, consent: Consent) -> Result<CodeGrant, TokenError> {
        let inner = Arc::clone(&self.inner);
        let given = self.inner.unit_of_work.commit(move |transaction| inner.give(transaction, &consent));
        Ok(given.await?.value)
    }
}

impl Inner {
    fn give(&self, transaction: &mut Transaction<'_>, consent: &Consent) -> Result<CodeGrant, TokenError> {
        let credentials = users::lock(transaction.conn(), consent.user_id)?;
        if !credentials.is_some_and(|found| found.user.is_active && found.version == consent.version) {
            return Ok(CodeGrant::Refused);
        }
        let Some(terms) = self.lock_terms(transaction, &consent.client_id)? else {
            return Ok(CodeGrant::ClientEnded);
        };
        let given = match consent.ask.of(terms.most()) {
            Ok(given) => given,
            Err(what) => return Ok(CodeGrant::TooMuch(what)),
        };
        let now_ms = transaction.now_ms();
        let code = AuthorizationCode {
            client_id: consent.client_id.clone(),
            user_id: consent.user_id,
            credentials_version: consent.version,
            redirect_uri: consent.redirect_uri.clone(),
            challenge: consent.challenge.clone(),
            scope: given.scope,
            audience: given.audience,
            nonce: consent.nonce.clone(),
            amr: consent.amr.clone(),
            auth_time_s: consent.auth_time_s,
            device: consent.device.clone(),
            issued_at_ms: now_ms,
            expires_at_ms: now_ms.saturating_add(LIFE_MS),
            consumed_at_ms: None,
            session_id: None,
        };
        authorization_codes::leave_newest_of_user(
            transaction.conn(),
            code.user_id,
            now_ms,
            MOST_UNREDEEMED - 1,
        )?;
        let plain = CodePlain::from_random(self.random.bytes());
        authorization_codes::insert(transaction.conn(), &plain.hash(), &code)?;
        Ok(CodeGrant::Given(plain))
    }
}
