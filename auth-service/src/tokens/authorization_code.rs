//! Authorization codes (RFC 6749 §4.1): issues one when a user has given consent on the hosted pages, and exchanges it
//! for tokens, once.

use std::sync::Arc;

use service_kit::database::DbConnection;
use uuid::Uuid;

use super::issue::Minted;
use super::login::{Beginning, Begun};
use super::logout::end_session;
use super::{Ask, Given, Inner, Terms, TokenAnswer, TokenError, Tokens, TooMuch};
use crate::domain::{
    AuditEvent, AuditKind, AuthorizationCode, Client, CodeChallenge, CodeClaim, CodePlain, Credentials,
    Device, EndReason, Initiator, MINUTE_MS, Redemption, Throttled,
};
use crate::storage::{Transaction, authorization_codes, clients, sessions, unexpected_rows, users};

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

/// A request to redeem a code.
#[derive(Debug)]
pub struct CodeRequest {
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
pub enum Redeemed {
    /// A session was begun.
    Issued {
        /// Its first tokens.
        tokens: Box<TokenAnswer>,
    },
    /// The code was redeemed before. The session that it had begun is ended.
    Reused,
    /// The code is refused.
    Refused,
    /// The request exceeds the consent. The code is not consumed.
    TooMuch(TooMuch),
    /// Too many codes were redeemed for this user in the last minute. The code is not consumed.
    Throttled(Throttled),
}

/// The outcome as committed, before the token is signed.
enum Decided {
    Begun(Box<Minted>),
    Reused,
    Refused,
    TooMuch(TooMuch),
    Throttled(Throttled),
}

impl Tokens {
    /// Redeems a code.
    pub async fn redeem(&self, request: CodeRequest, initiator: Initiator) -> Result<Redeemed, TokenError> {
        let inner = Arc::clone(&self.inner);
        let decided = self
            .inner
            .unit_of_work
            .commit(move |transaction| inner.decide_redemption(transaction, &request, &initiator));
        match decided.await?.value {
            Decided::Begun(minted) => {
                Ok(Redeemed::Issued { tokens: Box::new(self.inner.answer(*minted).await?) })
            }
            Decided::Reused => Ok(Redeemed::Reused),
            Decided::Refused => Ok(Redeemed::Refused),
            Decided::TooMuch(what) => Ok(Redeemed::TooMuch(what)),
            Decided::Throttled(throttled) => Ok(Redeemed::Throttled(throttled)),
        }
    }
}

/// A code with the values that decide on its redemption, read under the locks of the user and the client.
struct Found {
    code: AuthorizationCode,
    credentials: Credentials,
    client: Client,
}

fn find_locked(conn: &mut DbConnection, request: &CodeRequest) -> Result<Option<Found>, TokenError> {
    let hash = request.code.hash();
    let Some(code) = authorization_codes::find(conn, &hash)? else { return Ok(None) };
    let Some(credentials) = users::lock(conn, code.user_id)? else { return Ok(None) };
    let Some(client) = clients::lock(conn, &request.client_id)? else { return Ok(None) };
    // Read again, because the code may have been redeemed before the lock was taken.
    let Some(code) = authorization_codes::find(conn, &hash)? else { return Ok(None) };
    Ok(Some(Found { code, credentials, client }))
}

impl Inner {
    fn decide_redemption(
        &self,
        transaction: &mut Transaction<'_>,
        request: &CodeRequest,
        initiator: &Initiator,
    ) -> Result<Decided, TokenError> {
        let Some(Found { code, credentials, client }) = find_locked(transaction.conn(), request)? else {
            return Ok(Decided::Refused);
        };
        let now_ms = transaction.now_ms();
        let claim = CodeClaim {
            client_id: &request.client_id,
            redirect_uri: request.redirect_uri.as_deref(),
            verifier: request.verifier.as_deref(),
        };
        match code.present(claim, now_ms) {
            Redemption::Redeem => {}
            Redemption::Refused => return Ok(Decided::Refused),
            Redemption::Reuse => return end_what_it_gave(transaction, code.session_id, initiator),
        }
        let proves_enough = code.challenge.is_some() || (client.pkce_optional && !client.is_public);
        let is_same = credentials.user.is_active && credentials.version == code.credentials_version;
        if !client.is_active || !proves_enough || !is_same {
            return Ok(Decided::Refused);
        }
        let terms = Terms::of(&client, &self.settings);
        let agreed = Given { scope: code.scope, audience: code.audience }.within(&terms.most);
        let given = match (Ask { scope: None, resources: request.resources.clone() }).of(agreed.clone()) {
            Ok(given) => given,
            Err(what) => return Ok(Decided::TooMuch(what)),
        };
        if let Some(throttled) = self.redeems_too_many(transaction, code.user_id, now_ms)? {
            return Ok(Decided::Throttled(throttled));
        }
        let beginning = Beginning {
            user: &credentials.user,
            terms: &terms,
            most: agreed,
            given,
            amr: code.amr,
            auth_time_s: code.auth_time_s,
            device: code.device,
            initiator,
            reason: Some("code"),
        };
        let Begun { session_id, minted } = self.begin(transaction, beginning)?;
        if !authorization_codes::consume(transaction.conn(), &request.code.hash(), session_id, now_ms)? {
            // Another transaction consumed the code first. The user's lock should prevent this; if it happens all the
            // same, the transaction is rolled back.
            return Err(unexpected_rows().into());
        }
        Ok(Decided::Begun(Box::new(minted)))
    }

    /// Whether the rate limit is reached. The redeemed codes themselves are counted, because they are kept for longer
    /// than a minute.
    fn redeems_too_many(
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
fn end_what_it_gave(
    transaction: &mut Transaction<'_>,
    session_id: Option<Uuid>,
    initiator: &Initiator,
) -> Result<Decided, TokenError> {
    let now_ms = transaction.now_ms();
    let session = session_id.map(|id| sessions::find(transaction.conn(), id)).transpose()?.flatten();
    let Some(session) = session.filter(|session| session.is_live(now_ms)) else {
        return Ok(Decided::Refused);
    };
    let event = AuditEvent::new(AuditKind::CodeReused, initiator);
    end_session(transaction, &session, EndReason::CodeReuse, event)?;
    Ok(Decided::Reused)
}
