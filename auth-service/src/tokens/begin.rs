//! Begins a session: inserts its row, and makes its first access token and, if the client gets one, its first refresh
//! token.

use service_kit::database::DbConnection;
use uuid::Uuid;

use super::logout::end_sessions;
use super::logout_all::BATCH;
use super::mint::{Minted, Subject};
use super::{Given, Inner, Terms, TokenError};
use crate::domain::{
    AuditEvent, AuditKind, Device, EndReason, Initiator, MinuteCount, RefreshToken, RefreshTokenPlain,
    Session, User,
};
use crate::storage::{Transaction, refresh_tokens, sessions};

/// The parameters of a new session.
pub(super) struct Beginning<'a> {
    /// The user, whose row is locked.
    pub(super) user: &'a User,
    /// The client's terms. The client's row is locked too.
    pub(super) terms: &'a Terms,
    /// The most that the session may grant.
    pub(super) most: Given,
    /// The scope and audience of its first access token.
    pub(super) given: Given,
    /// How the user authenticated.
    pub(super) amr: Vec<String>,
    /// When the user authenticated.
    pub(super) auth_time_s: i64,
    /// The device the user logged in with.
    pub(super) device: Device,
    /// The initiator of the request, which may have been sent by the client and not by the user.
    pub(super) initiator: &'a Initiator,
    /// The reason in the audit event, if the session does not begin with a password.
    pub(super) reason: Option<&'static str>,
}

/// A session that was begun.
pub(super) struct Begun {
    /// The session's id.
    pub(super) session_id: Uuid,
    /// Its first tokens.
    pub(super) minted: Minted,
}

impl Inner {
    /// Begins a session and, if the user would have too many, ends those that were unused for longest. The caller holds
    /// the locks of the user and the client.
    pub(super) fn begin(
        &self,
        transaction: &mut Transaction<'_>,
        beginning: Beginning<'_>,
    ) -> Result<Begun, TokenError> {
        let Beginning { user, terms, most, given, amr, auth_time_s, device, initiator, reason } = beginning;
        let now_ms = transaction.now_ms();
        // A session that cannot be refreshed ends with its only access token.
        let life_s = if terms.refreshes { terms.sessions.max_age_s } else { terms.access_ttl_s };
        let mut session = Session {
            id: self.random.uuid_at(now_ms),
            user_id: user.id,
            client_id: terms.client_id.clone(),
            scope: most.scope,
            audience: most.audience,
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
        };
        let claims = self.mint(terms, Subject::User(user, &session), given, now_ms);
        session.note_first_use(claims.exp, terms.refresh_end_ms(&session, now_ms));
        let displaced = self.sessions_over_limit(transaction, user.id, now_ms)?;
        sessions::insert(transaction.conn(), &session)?;
        let refresh = if terms.refreshes {
            let token = RefreshTokenPlain::first(session.id, self.random.bytes(), &self.refresh_derivation);
            Some((
                token.clone(),
                store(transaction.conn(), &token, terms, &session, Lineage::default(), now_ms)?,
            ))
        } else {
            None
        };
        let event = AuditEvent::new(AuditKind::LoggedIn, initiator).user(user.id);
        let event = event.client(&session.client_id).session(session.id);
        transaction.record(AuditEvent { reason, ..event });
        end_sessions(transaction, &displaced, EndReason::Displaced, initiator)?;
        Ok(Begun { session_id: session.id, minted: Minted { claims, refresh } })
    }

    /// The sessions that were unused for longest, if another session would exceed the limit. Returns at most
    /// [`BATCH`]; if there are more (because the limit was lowered), later logins end the rest.
    fn sessions_over_limit(
        &self,
        transaction: &mut Transaction<'_>,
        user_id: Uuid,
        now_ms: i64,
    ) -> Result<Vec<Session>, TokenError> {
        let Some(most) = self.settings.sessions.max_per_user else { return Ok(Vec::new()) };
        let left = i64::from(most).saturating_sub(1);
        Ok(sessions::unused_for_longest(transaction.conn(), user_id, now_ms, left, BATCH)?)
    }
}

/// The values that a refresh token inherits from the refresh that issued it. The default is for a first token.
#[derive(Clone, Copy, Default)]
pub(super) struct Lineage {
    /// The mark of the caller.
    pub(super) first_caller: Option<i64>,
    /// The count of refreshes of the session, including this one.
    pub(super) refreshes: MinuteCount,
}

/// Inserts a refresh token that is issued now. Returns its expiry.
pub(super) fn store(
    conn: &mut DbConnection,
    token: &RefreshTokenPlain,
    terms: &Terms,
    session: &Session,
    lineage: Lineage,
    now_ms: i64,
) -> Result<i64, TokenError> {
    let expires_at_ms = terms.refresh_end_ms(session, now_ms);
    let row = RefreshToken {
        session_id: session.id,
        issued_at_ms: now_ms,
        expires_at_ms,
        consumed_at_ms: None,
        first_caller: lineage.first_caller,
        late_replays: 0,
        refreshes: lineage.refreshes,
    };
    refresh_tokens::insert(conn, &token.hash(), &row)?;
    Ok(expires_at_ms)
}
