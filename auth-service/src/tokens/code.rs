//! A code for a client (RFC 6749 §4.1.2): what the page gives on which the user agreed.

use std::sync::Arc;

use service_kit::database::DbConnection;
use uuid::Uuid;

use super::{Ask, Inner, TokenError, Tokens, TooMuch};
use crate::domain::{AuthorizationCode, CodeChallenge, CodePlain, Device};
use crate::storage::{authorization_codes, users};

/// From the redirect to its redemption nobody but two programs has a hand in it.
const LIFE_MS: i64 = 60_000;

/// Codes of one user that can be redeemed. A further one takes the place of the oldest.
const MOST_UNREDEEMED: i64 = 100;

/// What a user agreed to.
#[derive(Clone, Debug)]
pub struct Consent {
    /// Who agreed.
    pub user_id: Uuid,
    /// The version of the user's credentials when they were verified.
    pub version: i64,
    /// To whom it is given.
    pub client_id: String,
    /// Where it is sent: one of the client's.
    pub redirect_uri: String,
    /// What its redeemer must prove to know.
    pub challenge: Option<CodeChallenge>,
    /// What was agreed to.
    pub ask: Ask,
    /// OpenID Connect Core §3.1.2.1.
    pub nonce: Option<String>,
    /// How the user authenticated (RFC 8176).
    pub amr: Vec<String>,
    /// When that was.
    pub auth_time_s: i64,
    /// The browser.
    pub device: Device,
}

/// What became of a consent.
#[derive(Debug)]
pub enum CodeGrant {
    /// The code.
    Given(CodePlain),
    /// The user was switched off, or the password changed, since they authenticated.
    Refused,
    /// The client was switched off or removed.
    ClientEnded,
    /// More was agreed to than the client may be given.
    TooMuch(TooMuch),
}

impl Tokens {
    /// Gives a code.
    pub async fn give_code(&self, consent: Consent) -> Result<CodeGrant, TokenError> {
        let inner = Arc::clone(&self.inner);
        self.inner.database.write(move |conn| inner.give(conn, &consent)).await
    }
}

impl Inner {
    fn give(&self, conn: &mut DbConnection, consent: &Consent) -> Result<CodeGrant, TokenError> {
        let credentials = users::lock(conn, consent.user_id)?;
        if !credentials.is_some_and(|found| found.user.is_active && found.version == consent.version) {
            return Ok(CodeGrant::Refused);
        }
        let Some(terms) = self.lock_terms(conn, &consent.client_id)? else {
            return Ok(CodeGrant::ClientEnded);
        };
        let given = match consent.ask.of(terms.most()) {
            Ok(given) => given,
            Err(what) => return Ok(CodeGrant::TooMuch(what)),
        };
        let now_ms = self.clock.now_ms();
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
        authorization_codes::leave_newest_of_user(conn, code.user_id, now_ms, MOST_UNREDEEMED - 1)?;
        let plain = CodePlain::from_random(self.random.bytes());
        authorization_codes::insert(conn, &plain.hash(), &code)?;
        Ok(CodeGrant::Given(plain))
    }
}
