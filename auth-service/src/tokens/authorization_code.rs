//! Exchanges authorization codes for tokens, once (RFC 6749 §4.1.3).

use std::sync::Arc;

use service_kit::database::DbConnection;
use uuid::Uuid;

use super::issue::UnsignedTokens;
use super::login::{NewSession, StartedSession};
use super::logout::end_session;
use super::{
    AccessRequest, ExceedsGrant, GrantedAccess, Inner, IssuedTokens, TokenError, TokenPolicy, Tokens,
};
use crate::domain::authorization_request::OFFLINE_ACCESS;
use crate::domain::{
    AuditEvent, AuditKind, AuthorizationCode, Client, CodePlain, Credentials, EndReason, Initiator,
    MINUTE_MS, PresentedCode, Redemption, Throttled,
};
use crate::storage::{Transaction, authorization_codes, clients, sessions, unexpected_rows, users};

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
