//! Logs a user in: begins a session with its first tokens, if the credentials have not changed since they were verified.
//! An authorization code begins its session here too.

use std::collections::BTreeSet;
use std::sync::Arc;

use service_kit::database::{DatabaseError, DbConnection};
use shared_claims::claims::FIRST_PARTY_CLIENT;
use uuid::Uuid;

use super::browser_sessions::{end_sessions_over_limit, sessions_of_client_over_limit};
use super::id_token::IdTokenDraft;
use super::issue::{Subject, UnsignedTokens};
use super::logout::end_sessions;
use super::{
    AccessRequest, ExceedsGrant, GrantedAccess, Inner, IssuedTokens, TokenError, TokenPolicy, Tokens,
};
use crate::domain::{
    AuditEvent, AuditKind, BrowserSession, Device, EndReason, Initiator, MinuteCount, NetworkTag, NotedLogin,
    PasswordHash, RefreshToken, RefreshTokenPlain, Session, User,
};
use crate::storage::{Transaction, clients, login_networks, refresh_tokens, sessions, users};

/// Credentials that were verified.
#[derive(Clone, Debug)]
pub struct VerifiedCredentials {
    /// The user they belong to.
    pub user_id: Uuid,
    /// The version of the credentials when they were verified.
    pub version: i64,
    /// The verified hash and its replacement, if the verified one has an older scheme or cost.
    pub upgrade: Option<(PasswordHash, PasswordHash)>,
    /// The network of the caller, if a full login has to note it.
    pub network: Option<NetworkTag>,
}

impl VerifiedCredentials {
    /// Notes the network of a full login, unless that was done lately. The caller holds the user's lock.
    pub(crate) fn note_network(&self, transaction: &mut Transaction<'_>) -> Result<(), DatabaseError> {
        let Some(network) = self.network else { return Ok(()) };
        let login = NotedLogin { version: self.version, at_ms: transaction.now_ms() };
        login_networks::note(transaction.conn(), self.user_id, network, login)
    }
}

/// The outcome of a login.
#[derive(Debug)]
pub enum LoginOutcome {
    /// A session was started.
    Issued {
        /// The session.
        session_id: Uuid,
        /// Its first tokens.
        tokens: Box<IssuedTokens>,
    },
    /// The user was disabled, or the password was changed, since the password was verified.
    CredentialsChanged,
    /// The client was disabled or deleted since it authenticated.
    ClientEnded,
    /// The request asks for more than the client is allowed.
    ExceedsGrant(ExceedsGrant),
}

/// The outcome as committed, before the token is signed.
enum LoginDecision {
    Started(Box<StartedSession>),
    CredentialsChanged,
    ClientEnded,
    ExceedsGrant(ExceedsGrant),
}

impl Tokens {
    /// Begins a session with a client, if the credentials have not changed since they were verified.
    pub async fn log_in(
        &self,
        verified: VerifiedCredentials,
        client_id: String,
        access: AccessRequest,
        initiator: Initiator,
    ) -> Result<LoginOutcome, TokenError> {
        let inner = Arc::clone(&self.inner);
        let decided = self.inner.unit_of_work.commit(move |transaction| {
            inner.decide_login(transaction, &verified, &client_id, &access, &initiator)
        });
        match decided.await?.value {
            LoginDecision::Started(started) => {
                let StartedSession { session_id, unsigned } = *started;
                let tokens = Box::new(self.inner.sign(unsigned).await?);
                Ok(LoginOutcome::Issued { session_id, tokens })
            }
            LoginDecision::CredentialsChanged => Ok(LoginOutcome::CredentialsChanged),
            LoginDecision::ClientEnded => Ok(LoginOutcome::ClientEnded),
            LoginDecision::ExceedsGrant(what) => Ok(LoginOutcome::ExceedsGrant(what)),
        }
    }
}

impl Inner {
    fn decide_login(
        &self,
        transaction: &mut Transaction<'_>,
        verified: &VerifiedCredentials,
        client_id: &str,
        access: &AccessRequest,
        initiator: &Initiator,
    ) -> Result<LoginDecision, TokenError> {
        let credentials = users::lock(transaction.conn(), verified.user_id)?;
        let policy = self.lock_policy(transaction, client_id)?;
        let now_ms = transaction.now_ms();
        // Compares the version and not the hash, because a concurrent login may have upgraded the hash of the same
        // password.
        let same = credentials.filter(|found| found.user.is_active && found.version == verified.version);
        let Some(credentials) = same else {
            let refused = AuditEvent::new(AuditKind::LoginRefused, initiator)
                .user(verified.user_id)
                .client(client_id)
                .reason("changed_meanwhile");
            transaction.record(refused);
            return Ok(LoginDecision::CredentialsChanged);
        };
        let Some(policy) = policy else { return Ok(LoginDecision::ClientEnded) };
        let granted = match access.within(policy.allowed()) {
            Ok(granted) => granted,
            Err(what) => return Ok(LoginDecision::ExceedsGrant(what)),
        };
        let user = credentials.user;
        if let Some((old, new)) = &verified.upgrade {
            users::upgrade_hash(transaction.conn(), user.id, old, new, now_ms)?;
        }
        verified.note_network(transaction)?;
        let new = NewSession {
            user: &user,
            policy: &policy,
            allowed: granted.clone(),
            granted,
            amr: vec!["pwd".to_owned()],
            auth_time_s: now_ms.div_euclid(1000),
            device: initiator.device.clone(),
            initiator,
            browser_session: None,
            userinfo_claims: BTreeSet::new(),
            nonce: None,
            reason: None,
        };
        Ok(LoginDecision::Started(Box::new(self.start_session(transaction, new)?)))
    }

    /// The policy of an active client, whose row is locked until this transaction ends. A transaction that disables
    /// the client waits for this one, and then finds the session that it began.
    pub(super) fn lock_policy(
        &self,
        transaction: &mut Transaction<'_>,
        client_id: &str,
    ) -> Result<Option<TokenPolicy>, TokenError> {
        if client_id == FIRST_PARTY_CLIENT {
            return Ok(Some(TokenPolicy::first_party(&self.settings)));
        }
        let client = clients::lock(transaction.conn(), client_id)?.filter(|client| client.is_active);
        Ok(client.map(|client| TokenPolicy::of(&client, &self.settings)))
    }
}

/// The parameters of a new session.
pub(super) struct NewSession<'a> {
    /// The user, whose row is locked.
    pub(super) user: &'a User,
    /// The client's policy. The client's row is locked too.
    pub(super) policy: &'a TokenPolicy,
    /// The most that the session may grant.
    pub(super) allowed: GrantedAccess,
    /// The scope and audience of its first access token.
    pub(super) granted: GrantedAccess,
    /// How the user authenticated.
    pub(super) amr: Vec<String>,
    /// When the user authenticated.
    pub(super) auth_time_s: i64,
    /// The device the user logged in with.
    pub(super) device: Device,
    /// The initiator of the request, which may have been sent by the client and not by the user.
    pub(super) initiator: &'a Initiator,
    /// The browser session that it comes from.
    pub(super) browser_session: Option<&'a BrowserSession>,
    /// Single members of the userinfo response that it may read.
    pub(super) userinfo_claims: BTreeSet<String>,
    /// The `nonce` of its first `id_token`.
    pub(super) nonce: Option<String>,
    /// The reason in the audit event, if the session does not begin with a password.
    pub(super) reason: Option<&'static str>,
}

/// A session that was started.
pub(super) struct StartedSession {
    /// The session's id.
    pub(super) session_id: Uuid,
    /// Its first tokens.
    pub(super) unsigned: UnsignedTokens,
}

impl Inner {
    /// Begins a session and, if the user would have too many, ends those that were unused for longest. The caller holds
    /// the locks of the user and the client.
    pub(super) fn start_session(
        &self,
        transaction: &mut Transaction<'_>,
        new: NewSession<'_>,
    ) -> Result<StartedSession, TokenError> {
        let NewSession {
            user, policy, allowed, granted, amr, auth_time_s, device, initiator, reason, ..
        } = new;
        let now_ms = transaction.now_ms();
        // A session that cannot be refreshed ends with its only access token.
        let life_s = if policy.refreshes { policy.sessions.max_age_s } else { policy.access_ttl_s };
        let mut session = Session {
            id: self.random.uuid_at(now_ms),
            user_id: user.id,
            client_id: policy.client_id.clone(),
            scope: allowed.scope,
            audience: allowed.audience,
            amr,
            auth_time_s,
            created_at_ms: now_ms,
            last_used_at_ms: now_ms,
            idle_expires_at_ms: 0,
            expires_at_ms: now_ms.saturating_add(life_s.saturating_mul(1000)),
            ended_at_ms: None,
            user_agent: device.user_agent,
            address: device.address,
            access_expires_at_s: 0,
            browser_session_id: new.browser_session.map(|session| session.id),
            userinfo_claims: new.userinfo_claims,
        };
        if let Some(browser_session) = new.browser_session
            && !session.is_offline()
        {
            session.expires_at_ms = session.expires_at_ms.min(browser_session.expires_at_ms);
        }
        let claims = self.access_token_claims(policy, Subject::User(user, &session), granted, now_ms);
        session.note_first_use(claims.exp, policy.refresh_end_ms(&session, now_ms));
        self.make_room(transaction, &session, initiator)?;
        sessions::insert(transaction.conn(), &session)?;
        let refresh = if policy.refreshes {
            let token = RefreshTokenPlain::first(session.id, self.random.bytes(), &self.refresh_derivation);
            Some((
                token.clone(),
                insert_refresh_token(
                    transaction.conn(),
                    &token,
                    policy,
                    &session,
                    InheritedState::default(),
                    now_ms,
                )?,
            ))
        } else {
            None
        };
        let event = AuditEvent::new(AuditKind::LoggedIn, initiator).user(user.id);
        let event = event.client(&session.client_id).session(session.id);
        transaction.record(AuditEvent { reason, ..event });
        let id_token = IdTokenDraft::of(&session, &claims.scope, new.nonce);
        Ok(StartedSession { session_id: session.id, unsigned: UnsignedTokens { claims, refresh, id_token } })
    }

    /// Ends the sessions that were unused for longest, if one more would exceed a limit.
    fn make_room(
        &self,
        transaction: &mut Transaction<'_>,
        session: &Session,
        initiator: &Initiator,
    ) -> Result<(), TokenError> {
        let Some(browser_session_id) = session.browser_session_id else {
            let most = self.settings.sessions.max_per_user;
            return end_sessions_over_limit(transaction, session.user_id, most, initiator);
        };
        let displaced = sessions_of_client_over_limit(
            transaction,
            browser_session_id,
            &session.client_id,
            session.is_offline(),
        )?;
        end_sessions(transaction, &displaced, EndReason::Displaced, initiator)
    }
}

/// The values that a refresh token inherits from the refresh that issued it. The default is for a first token.
#[derive(Clone, Copy, Default)]
pub(super) struct InheritedState {
    /// The mark of the caller.
    pub(super) first_caller: Option<i64>,
    /// The count of refreshes of the session, including this one.
    pub(super) refreshes: MinuteCount,
}

/// Inserts a refresh token that is issued now. Returns its expiry.
pub(super) fn insert_refresh_token(
    conn: &mut DbConnection,
    token: &RefreshTokenPlain,
    policy: &TokenPolicy,
    session: &Session,
    inherited: InheritedState,
    now_ms: i64,
) -> Result<i64, TokenError> {
    let row = new_refresh_token(policy, session, inherited, now_ms);
    refresh_tokens::insert(conn, &token.hash(), &row)?;
    Ok(row.expires_at_ms)
}

/// The row of a refresh token of a session that is issued now.
pub(super) fn new_refresh_token(
    policy: &TokenPolicy,
    session: &Session,
    inherited: InheritedState,
    now_ms: i64,
) -> RefreshToken {
    RefreshToken {
        session_id: session.id,
        issued_at_ms: now_ms,
        expires_at_ms: policy.refresh_end_ms(session, now_ms),
        consumed_at_ms: None,
        first_caller: inherited.first_caller,
        late_replays: 0,
        refreshes: inherited.refreshes,
    }
}
