//! Authorization codes (RFC 6749 §4.1): issues one when a user has given consent on the hosted pages, and exchanges it
//! for tokens, once.

use std::collections::BTreeSet;
use std::sync::Arc;

use service_kit::database::DbConnection;
use uuid::Uuid;

use super::issue::UnsignedTokens;
use super::login::{NewSession, StartedSession};
use super::logout::end_session;
use super::{
    AccessRequest, ExceedsGrant, GrantedAccess, Inner, IssuedTokens, TokenError, TokenPolicy, Tokens,
};
use crate::domain::authorization_request::{OFFLINE_ACCESS, ResponseMode};
use crate::domain::{
    AuditEvent, AuditKind, AuthorizationCode, Client, CodeChallenge, CodePlain, Credentials, Device,
    EndReason, Initiator, MINUTE_MS, PresentedCode, Redemption, Throttled,
};
use crate::storage::{Transaction, authorization_codes, clients, sessions, unexpected_rows, users};

/// The lifetime of a code, in milliseconds. It can be short because only programs are involved between the redirect
/// and the redemption.
const LIFE_MS: i64 = 60_000;

/// The same by `form_post`, where a person may have to press a button.
const FORM_POST_LIFE_MS: i64 = 300_000;

/// The most redeemable codes of one user. A further code replaces the oldest.
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

/// The outcome of issuing a code.
#[derive(Debug)]
pub enum CodeOutcome {
    /// The code was issued.
    Issued(CodePlain),
    /// The user was disabled, the password was changed, or the browser session ended, since the user authenticated.
    CredentialsChanged,
    /// The client was disabled or deleted.
    ClientEnded,
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
        let Some(policy) = self.lock_policy(transaction, &new.client_id)? else {
            return Ok(CodeOutcome::ClientEnded);
        };
        let granted = match new.access.within(policy.allowed()) {
            Ok(granted) => granted,
            Err(what) => return Ok(CodeOutcome::ExceedsGrant(what)),
        };
        let now_ms = transaction.now_ms();
        if let Some(id) = new.browser_session_id
            && self.use_browser_session(transaction, new.user_id, id)?.is_none()
        {
            return Ok(CodeOutcome::CredentialsChanged);
        }
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
            browser_session_id: new.browser_session_id,
            userinfo_claims: new.userinfo_claims.clone(),
        };
        authorization_codes::leave_newest_of_user(
            transaction.conn(),
            code.user_id,
            now_ms,
            MAX_UNREDEEMED - 1,
        )?;
        let plain = CodePlain::from_random(self.random.bytes());
        authorization_codes::insert(transaction.conn(), &plain.hash(), &code)?;
        Ok(CodeOutcome::Issued(plain))
    }
}

/// A request to redeem a code.
#[derive(Debug)]
pub struct RedeemRequest {
    /// The code.
    pub code: CodePlain,
    /// The client's id.
    pub client_id: String,
    /// The redirect URI that the client sends.
    pub redirect_uri: Option<String>,
    /// The PKCE verifier.
    pub verifier: Option<String>,
    /// The resources that the access token is requested for, which must be part of the consent. Empty for all.
    pub resources: Vec<String>,
}

/// The outcome of a redemption.
#[derive(Debug)]
pub enum RedeemOutcome {
    /// A session was started.
    Issued {
        /// Its first tokens.
        tokens: Box<IssuedTokens>,
    },
    /// The code was redeemed before. The session that it had started is ended.
    Reused,
    /// The code is unknown, expired, or for another client or redirect URI, or the PKCE proof is wrong; or the user or
    /// the client changed since it was issued.
    InvalidCode,
    /// The request exceeds the consent. The code is not consumed.
    ExceedsGrant(ExceedsGrant),
    /// Too many codes were redeemed for this user in the last minute. The code is not consumed.
    Throttled(Throttled),
}

/// The outcome as committed, before the token is signed.
enum RedeemDecision {
    Started(Box<UnsignedTokens>),
    Reused,
    InvalidCode,
    ExceedsGrant(ExceedsGrant),
    Throttled(Throttled),
}

impl Tokens {
    /// Redeems a code.
    pub async fn redeem(
        &self,
        request: RedeemRequest,
        initiator: Initiator,
    ) -> Result<RedeemOutcome, TokenError> {
        let inner = Arc::clone(&self.inner);
        let decided = self
            .inner
            .unit_of_work
            .commit(move |transaction| inner.decide_redemption(transaction, &request, &initiator));
        match decided.await?.value {
            RedeemDecision::Started(unsigned) => {
                Ok(RedeemOutcome::Issued { tokens: Box::new(self.inner.sign(*unsigned).await?) })
            }
            RedeemDecision::Reused => Ok(RedeemOutcome::Reused),
            RedeemDecision::InvalidCode => Ok(RedeemOutcome::InvalidCode),
            RedeemDecision::ExceedsGrant(what) => Ok(RedeemOutcome::ExceedsGrant(what)),
            RedeemDecision::Throttled(throttled) => Ok(RedeemOutcome::Throttled(throttled)),
        }
    }
}

/// A code with the values that decide on its redemption, read under the locks of the user and the client.
struct StoredCode {
    code: AuthorizationCode,
    credentials: Credentials,
    client: Client,
}

fn find_locked(conn: &mut DbConnection, request: &RedeemRequest) -> Result<Option<StoredCode>, TokenError> {
    let hash = request.code.hash();
    let Some(code) = authorization_codes::find(conn, &hash)? else { return Ok(None) };
    let Some(credentials) = users::lock(conn, code.user_id)? else { return Ok(None) };
    let Some(client) = clients::lock(conn, &request.client_id)? else { return Ok(None) };
    // Read again, because the code may have been redeemed before the lock was taken.
    let Some(code) = authorization_codes::find(conn, &hash)? else { return Ok(None) };
    Ok(Some(StoredCode { code, credentials, client }))
}

impl Inner {
    fn decide_redemption(
        &self,
        transaction: &mut Transaction<'_>,
        request: &RedeemRequest,
        initiator: &Initiator,
    ) -> Result<RedeemDecision, TokenError> {
        let Some(StoredCode { code, credentials, client }) = find_locked(transaction.conn(), request)? else {
            return Ok(RedeemDecision::InvalidCode);
        };
        let now_ms = transaction.now_ms();
        let claim = PresentedCode {
            client_id: &request.client_id,
            redirect_uri: request.redirect_uri.as_deref(),
            verifier: request.verifier.as_deref(),
        };
        match code.classify(claim, now_ms) {
            Redemption::Redeem => {}
            Redemption::Invalid => return Ok(RedeemDecision::InvalidCode),
            Redemption::Reuse => return end_session_of_code(transaction, code.session_id, initiator),
        }
        let proves_enough = code.challenge.is_some() || (client.pkce_optional && !client.is_public);
        let is_same = credentials.user.is_active && credentials.version == code.credentials_version;
        if !client.is_active || !proves_enough || !is_same {
            return Ok(RedeemDecision::InvalidCode);
        }
        let browser_session = match code.browser_session_id {
            Some(id) => self.use_browser_session(transaction, code.user_id, id)?,
            None => None,
        };
        let is_bound = code.browser_session_id.is_some() && !code.scope.contains(OFFLINE_ACCESS);
        if is_bound && browser_session.is_none() {
            return Ok(RedeemDecision::InvalidCode);
        }
        let policy = TokenPolicy::of(&client, &self.settings);
        let agreed =
            GrantedAccess { scope: code.scope, audience: code.audience }.intersection(&policy.allowed);
        let granted = match (AccessRequest { scope: None, resources: request.resources.clone() })
            .within(agreed.clone())
        {
            Ok(granted) => granted,
            Err(what) => return Ok(RedeemDecision::ExceedsGrant(what)),
        };
        if let Some(throttled) = self.redemption_limit_reached(transaction, code.user_id, now_ms)? {
            return Ok(RedeemDecision::Throttled(throttled));
        }
        let new = NewSession {
            user: &credentials.user,
            policy: &policy,
            allowed: agreed,
            granted,
            amr: code.amr,
            auth_time_s: code.auth_time_s,
            device: code.device,
            initiator,
            browser_session: browser_session.as_ref(),
            userinfo_claims: code.userinfo_claims,
            nonce: code.nonce,
            reason: Some("code"),
        };
        let StartedSession { session_id, unsigned } = self.start_session(transaction, new)?;
        if !authorization_codes::consume(transaction.conn(), &request.code.hash(), session_id, now_ms)? {
            // Another transaction consumed the code first. The user's lock should prevent this; if it happens all the
            // same, the transaction is rolled back.
            return Err(unexpected_rows().into());
        }
        Ok(RedeemDecision::Started(Box::new(unsigned)))
    }

    /// Whether the rate limit is reached. The redeemed codes themselves are counted, because they are kept for longer
    /// than a minute.
    fn redemption_limit_reached(
        &self,
        transaction: &mut Transaction<'_>,
        user_id: Uuid,
        now_ms: i64,
    ) -> Result<Option<Throttled>, TokenError> {
        let Some(limit) = self.settings.limits.codes_of_user else { return Ok(None) };
        let (a_minute_ago_ms, skipped) =
            (now_ms.saturating_sub(MINUTE_MS), i64::from(limit).saturating_sub(1));
        let counted = authorization_codes::redeemed_before_the_last(
            transaction.conn(),
            user_id,
            a_minute_ago_ms,
            skipped,
        )?;
        Ok(counted.map(|counted_ms| Throttled::a_minute_after(counted_ms, now_ms)))
    }
}

/// Ends the session that the code began. A code that is presented twice has leaked, and the first redemption may
/// have been the attacker's.
fn end_session_of_code(
    transaction: &mut Transaction<'_>,
    session_id: Option<Uuid>,
    initiator: &Initiator,
) -> Result<RedeemDecision, TokenError> {
    let now_ms = transaction.now_ms();
    let session = session_id.map(|id| sessions::find(transaction.conn(), id)).transpose()?.flatten();
    let Some(session) = session.filter(|session| session.is_live(now_ms)) else {
        return Ok(RedeemDecision::InvalidCode);
    };
    let event = AuditEvent::new(AuditKind::CodeReused, initiator);
    end_session(transaction, &session, EndReason::CodeReuse, event)?;
    Ok(RedeemDecision::Reused)
}
