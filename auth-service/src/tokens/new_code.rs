//! Issues authorization codes (RFC 6749 §4.1.2), when a user has given consent on the hosted pages.

use std::collections::BTreeSet;
use std::sync::Arc;

use uuid::Uuid;

use super::{AccessRequest, ExceedsGrant, Inner, TokenError, TokenPolicy, Tokens};
use crate::domain::authorization_request::ResponseMode;
use crate::domain::{AuthorizationCode, BrowserSession, Client, CodeChallenge, CodePlain, Consent, Device};
use crate::storage::{Transaction, authorization_codes, browser_sessions, clients, consents, users};

/// The lifetime of a code, in milliseconds. It can be short because only programs are involved between the redirect
/// and the redemption.
const LIFE_MS: i64 = 60_000;

/// The same by `form_post`, where a person may have to press a button.
const FORM_POST_LIFE_MS: i64 = 300_000;

/// The most redeemable codes of one user. A further code replaces the oldest. Requests that waited for each other's locks may
/// exceed it by their number, until the next code is issued.
const MAX_UNREDEEMED: i64 = 100;

/// The parameters of a new code.
#[derive(Clone, Debug)]
pub struct NewCode {
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
    pub access: AccessRequest,
    /// The `nonce` of OpenID Connect Core §3.1.2.1.
    pub nonce: Option<String>,
    /// How the user authenticated (RFC 8176).
    pub amr: Vec<String>,
    /// When the user authenticated.
    pub auth_time_s: i64,
    /// The user's browser.
    pub device: Device,
    /// How the code reaches the client.
    pub response_mode: ResponseMode,
    /// Single members of the userinfo response, beside those of the scope.
    pub userinfo_claims: BTreeSet<String>,
    /// The browser session in which it is issued, which must still be live.
    pub browser_session_id: Option<Uuid>,
}

impl NewCode {
    /// What the user must have allowed the client.
    fn consent(&self) -> Consent {
        let AccessRequest { scope, resources } = &self.access;
        Consent { scope: scope.clone().unwrap_or_default(), audience: resources.clone() }
    }
}

/// The outcome of issuing a code.
#[derive(Debug)]
pub enum CodeOutcome {
    /// The code was issued.
    Issued(CodePlain),
    /// The user was disabled, the password was changed, or the browser session ended, since the user authenticated.
    CredentialsChanged,
    /// The client was disabled or deleted.
    ClientEnded,
    /// The user disconnected the client since the consent was given.
    ConsentWithdrawn,
    /// The consent exceeds what the client is allowed.
    ExceedsGrant(ExceedsGrant),
}

impl Tokens {
    /// Issues a code for a consent.
    pub async fn issue_code(&self, new: NewCode) -> Result<CodeOutcome, TokenError> {
        let inner = Arc::clone(&self.inner);
        let issued = self.inner.unit_of_work.commit(move |transaction| inner.decide_code(transaction, &new));
        Ok(issued.await?.value)
    }

    /// Issues a code in a transaction that holds the locks of the user, the client and the browser session, and that found
    /// the session live and the user's credentials unchanged. `unredeemed_codes` is how many the user had.
    pub(crate) fn issue_code_under_locks(
        &self,
        transaction: &mut Transaction<'_>,
        new: &NewCode,
        client: &Client,
        mut session: BrowserSession,
        unredeemed_codes: i64,
    ) -> Result<CodeOutcome, TokenError> {
        if !client.is_active {
            return Ok(CodeOutcome::ClientEnded);
        }
        self.inner.note_use(transaction, &mut session)?;
        let policy = TokenPolicy::of(client, &self.inner.settings);
        self.inner.insert_code(transaction, new, &policy, Some(&session), unredeemed_codes)
    }
}

impl Inner {
    fn decide_code(
        &self,
        transaction: &mut Transaction<'_>,
        new: &NewCode,
    ) -> Result<CodeOutcome, TokenError> {
        let credentials = users::lock(transaction.conn(), new.user_id)?;
        if !credentials.is_some_and(|found| found.user.is_active && found.version == new.version) {
            return Ok(CodeOutcome::CredentialsChanged);
        }
        let client = clients::lock(transaction.conn(), &new.client_id)?.filter(|client| client.is_active);
        let Some(client) = client else {
            return Ok(CodeOutcome::ClientEnded);
        };
        let session = match new.browser_session_id {
            Some(id) => match self.use_browser_session(transaction, new.user_id, id)? {
                Some(session) => Some(session),
                None => return Ok(CodeOutcome::CredentialsChanged),
            },
            None => None,
        };
        // The consent was read or stored before the user's lock was taken. Who disconnects the client holds that lock.
        if session.is_some() && !client.is_first_party {
            let remembered = consents::find(transaction.conn(), new.user_id, &new.client_id)?;
            if !remembered.is_some_and(|remembered| remembered.covers(&new.consent())) {
                return Ok(CodeOutcome::ConsentWithdrawn);
            }
        }
        let policy = TokenPolicy::of(&client, &self.settings);
        self.insert_code(transaction, new, &policy, session.as_ref(), MAX_UNREDEEMED)
    }

    /// Inserts a code, and deletes the user's oldest ones if `unredeemed_codes` says that there may be too many. The caller
    /// holds the locks, and has found that the user, the client and the browser session may have it.
    fn insert_code(
        &self,
        transaction: &mut Transaction<'_>,
        new: &NewCode,
        policy: &TokenPolicy,
        session: Option<&BrowserSession>,
        unredeemed_codes: i64,
    ) -> Result<CodeOutcome, TokenError> {
        let granted = match new.access.within(policy.allowed()) {
            Ok(granted) => granted,
            Err(what) => return Ok(CodeOutcome::ExceedsGrant(what)),
        };
        let now_ms = transaction.now_ms();
        let life_ms = match new.response_mode {
            ResponseMode::Query => LIFE_MS,
            ResponseMode::FormPost => FORM_POST_LIFE_MS,
        };
        let code = AuthorizationCode {
            client_id: new.client_id.clone(),
            user_id: new.user_id,
            credentials_version: new.version,
            redirect_uri: new.redirect_uri.clone(),
            challenge: new.challenge.clone(),
            scope: granted.scope,
            audience: granted.audience,
            nonce: new.nonce.clone(),
            amr: new.amr.clone(),
            auth_time_s: new.auth_time_s,
            device: new.device.clone(),
            issued_at_ms: now_ms,
            expires_at_ms: now_ms.saturating_add(life_ms),
            consumed_at_ms: None,
            session_id: None,
            browser_session_id: session.map(|session| session.id),
            userinfo_claims: new.userinfo_claims.clone(),
        };
        if unredeemed_codes >= MAX_UNREDEEMED {
            let conn = transaction.conn();
            authorization_codes::leave_newest_of_user(conn, code.user_id, now_ms, MAX_UNREDEEMED - 1)?;
        }
        let plain = CodePlain::from_random(self.random.bytes());
        authorization_codes::insert(transaction.conn(), &plain.hash(), &code)?;
        if let Some(session) = session.filter(|session| !session.client_ids.contains(&new.client_id)) {
            browser_sessions::note_client(transaction.conn(), session, &new.client_id)?;
        }
        Ok(CodeOutcome::Issued(plain))
    }
}
