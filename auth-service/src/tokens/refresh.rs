//! Rotates refresh tokens. A retried request gets the same successor; any later reuse ends the session.

use std::sync::Arc;

use uuid::Uuid;

use super::id_token::IdTokenDraft;
use super::issue::{Subject, UnsignedTokens};
use super::login::{InheritedState, new_refresh_token};
use super::logout::end_session;
use super::{
    AccessRequest, ExceedsGrant, GrantedAccess, Inner, IssuedTokens, TokenError, TokenPolicy, Tokens,
};
use crate::domain::{
    AuditEvent, AuditKind, EndReason, Initiator, RefreshToken, RefreshTokenPlain, RefreshTokenUse, Session,
    Throttled, User,
};
use crate::storage::refresh_tokens::Rotation;
use crate::storage::{Transaction, refresh_tokens, sessions};

/// The outcome of presenting a refresh token.
#[derive(Debug)]
pub enum RefreshOutcome {
    /// Its successor was issued.
    Issued {
        /// The user.
        user_id: Uuid,
        /// The session.
        session_id: Uuid,
        /// Whether the successor had been issued before, so that this was a replay.
        is_replay: bool,
        /// The tokens.
        tokens: Box<IssuedTokens>,
    },
    /// The token was used before. The session is ended and its tokens are revoked.
    Reused,
    /// The token is unknown, expired or another client's, its session has ended, its user is disabled, or it was
    /// replayed too often. Nothing was consumed.
    InvalidToken,
    /// The request exceeds the scope of the session. Nothing was consumed. This is checked before everything else,
    /// even for an ended session, so that the response does not show whether the token is valid.
    ExceedsGrant(ExceedsGrant),
    /// The session was refreshed too often in this minute. Nothing was consumed.
    Throttled(Throttled),
}

/// The outcome as committed, before the token is signed.
enum RefreshDecision {
    Issued { user_id: Uuid, session_id: Uuid, is_replay: bool, unsigned: Box<UnsignedTokens> },
    Reused { requested: Result<GrantedAccess, ExceedsGrant> },
    InvalidToken,
    ExceedsGrant(ExceedsGrant),
    Throttled(Throttled),
}

impl RefreshDecision {
    fn invalid(requested: Result<GrantedAccess, ExceedsGrant>) -> Self {
        requested.map_or_else(Self::ExceedsGrant, |_| Self::InvalidToken)
    }
}

impl Tokens {
    /// Rotates a refresh token of the client with this policy. The request can narrow the access token; the successor
    /// keeps the scope of the session.
    pub async fn refresh(
        &self,
        presented: RefreshTokenPlain,
        policy: TokenPolicy,
        access: AccessRequest,
        initiator: Initiator,
    ) -> Result<RefreshOutcome, TokenError> {
        let Some(session_id) = presented.session_id(&self.inner.refresh_derivation) else {
            return Ok(access
                .within(policy.allowed())
                .map_or_else(RefreshOutcome::ExceedsGrant, |_| RefreshOutcome::InvalidToken));
        };
        let inner = Arc::clone(&self.inner);
        let decided = self.inner.unit_of_work.commit(move |transaction| {
            let request = RefreshRequest {
                presented: &presented,
                policy: &policy,
                access: &access,
                initiator: &initiator,
            };
            inner.decide_refresh(transaction, session_id, &request)
        });
        match decided.await?.value {
            RefreshDecision::Issued { user_id, session_id, is_replay, unsigned } => {
                let tokens = Box::new(self.inner.sign(*unsigned).await?);
                Ok(RefreshOutcome::Issued { user_id, session_id, is_replay, tokens })
            }
            RefreshDecision::Reused { requested } => {
                Ok(requested.map_or_else(RefreshOutcome::ExceedsGrant, |_| RefreshOutcome::Reused))
            }
            RefreshDecision::InvalidToken => Ok(RefreshOutcome::InvalidToken),
            RefreshDecision::ExceedsGrant(what) => Ok(RefreshOutcome::ExceedsGrant(what)),
            RefreshDecision::Throttled(throttled) => Ok(RefreshOutcome::Throttled(throttled)),
        }
    }
}

/// A refresh token with the values that decide on its use.
struct StoredToken {
    /// `None` for a token that was used so long ago that its row was deleted. (Unused tokens are kept as long as
    /// their session.)
    token: Option<RefreshToken>,
    session: Session,
    user: User,
    /// The time, read under the user's lock and before the state of the session was read. If the client was disabled
    /// in the meantime, its session ended later than this, and its cut is later still.
    now_ms: i64,
}

/// A request to refresh.
struct RefreshRequest<'a> {
    presented: &'a RefreshTokenPlain,
    policy: &'a TokenPolicy,
    access: &'a AccessRequest,
    initiator: &'a Initiator,
}

impl StoredToken {
    fn is_usable_by(&self, policy: &TokenPolicy) -> bool {
        self.session.client_id == policy.client_id && self.session.is_live(self.now_ms) && self.user.is_active
    }

    /// The token, if it is unused and has not expired.
    fn unused(&self) -> Option<&RefreshToken> {
        self.token.as_ref().filter(|token| token.classify(None, self.now_ms, 0) == RefreshTokenUse::Rotate)
    }

    /// The scope and audience that the request is granted.
    fn requested(&self, request: &RefreshRequest<'_>) -> Result<GrantedAccess, ExceedsGrant> {
        request.access.within(request.policy.allowed_in(&self.session))
    }

    fn classify(&self, successor: Option<&RefreshToken>, replay_ms: i64) -> RefreshTokenUse {
        self.token
            .as_ref()
            .map_or(RefreshTokenUse::Reuse, |token| token.classify(successor, self.now_ms, replay_ms))
    }
}

impl Inner {
    /// Decides on a refresh. The normal case has two steps: read under the user's lock; consume the token and insert the
    /// child, which is one statement on PostgreSQL.
    ///
    /// On PostgreSQL, if the first statement waits for the lock, it then reads only the locked row (the user) again,
    /// so the session and the token may be older than the lock. Therefore the statement that consumes an unused token
    /// checks the token and the session itself, and it begins after the lock was taken. If it finds the token
    /// changed, or if the first statement saw the token used or not at all, the session and the token are read again
    /// under the lock, and that reading decides.
    fn decide_refresh(
        &self,
        transaction: &mut Transaction<'_>,
        session_id: Uuid,
        request: &RefreshRequest<'_>,
    ) -> Result<RefreshDecision, TokenError> {
        let hash = request.presented.hash();
        let of_client = || request.access.within(request.policy.allowed());
        let Some((session, user, token)) = sessions::lock_with_user(transaction.conn(), session_id, &hash)?
        else {
            return Ok(RefreshDecision::invalid(of_client()));
        };
        let mut found = StoredToken { token, session, user, now_ms: transaction.now_ms() };
        if let Some(decided) = self.rotate(transaction, &mut found, request)? {
            return Ok(decided);
        }
        let Some(session) = sessions::find(transaction.conn(), session_id)? else {
            return Ok(RefreshDecision::invalid(of_client()));
        };
        found = StoredToken { token: refresh_tokens::find(transaction.conn(), &hash)?, session, ..found };
        match self.rotate(transaction, &mut found, request)? {
            Some(decided) => Ok(decided),
            None => self.decide_replay(transaction, &mut found, request),
        }
    }

    /// Rotates a token that was read as unused; `None` if it was read as used or was used since.
    fn rotate(
        &self,
        transaction: &mut Transaction<'_>,
        found: &mut StoredToken,
        request: &RefreshRequest<'_>,
    ) -> Result<Option<RefreshDecision>, TokenError> {
        let requested = found.requested(request);
        if !found.is_usable_by(request.policy) {
            return Ok(Some(RefreshDecision::invalid(requested)));
        }
        if found.unused().is_none() {
            return Ok(None);
        }
        let granted = match requested {
            Ok(granted) => granted,
            Err(what) => return Ok(Some(RefreshDecision::ExceedsGrant(what))),
        };
        if !self.is_still_bound(transaction, &found.session)? {
            return Ok(Some(RefreshDecision::InvalidToken));
        }
        let Some(token) = found.unused() else { return Ok(None) };
        let (seen, limit) = (token.refreshes, self.settings.limits.refreshes_of_session);
        let refreshes = match seen.add(limit, found.now_ms) {
            Ok(refreshes) => refreshes,
            Err(throttled) => return Ok(Some(RefreshDecision::Throttled(throttled))),
        };
        let child = request.presented.child(&self.refresh_derivation);
        let inherited = InheritedState { first_caller: Some(self.caller_mark(request)), refreshes };
        let row = new_refresh_token(request.policy, &found.session, inherited, found.now_ms);
        let (used, next) = (request.presented.hash(), child.hash());
        if !refresh_tokens::rotate(
            transaction.conn(),
            Rotation { used: &used, seen, next: &next, row: &row },
        )? {
            return Ok(None);
        }
        let refresh = (child, row.expires_at_ms);
        self.finish_refresh(transaction, found, request, granted, refresh, false).map(Some)
    }

    fn caller_mark(&self, request: &RefreshRequest<'_>) -> i64 {
        request.presented.caller_mark(&request.initiator.device, &self.refresh_derivation)
    }

    /// Makes the access token that is returned with a stored child, and notes the use of the session.
    fn finish_refresh(
        &self,
        transaction: &mut Transaction<'_>,
        found: &mut StoredToken,
        request: &RefreshRequest<'_>,
        granted: GrantedAccess,
        refresh: (RefreshTokenPlain, i64),
        is_replay: bool,
    ) -> Result<RefreshDecision, TokenError> {
        let StoredToken { session, user, now_ms, .. } = found;
        let claims = self.access_token_claims(request.policy, Subject::User(user, session), granted, *now_ms);
        let id_token = IdTokenDraft::of(session, &claims.scope, None);
        if session.note_use(*now_ms, claims.exp, refresh.1) {
            sessions::touch(transaction.conn(), session)?;
        }
        Ok(RefreshDecision::Issued {
            user_id: user.id,
            session_id: session.id,
            is_replay,
            unsigned: Box::new(UnsignedTokens { claims, refresh: Some(refresh), id_token }),
        })
    }
}

impl Inner {
    /// Decides on a token that was used or cannot be consumed. The caller holds the user's lock and has read the
    /// session and the token under it.
    fn decide_replay(
        &self,
        transaction: &mut Transaction<'_>,
        found: &mut StoredToken,
        request: &RefreshRequest<'_>,
    ) -> Result<RefreshDecision, TokenError> {
        let requested = found.requested(request);
        let child = request.presented.child(&self.refresh_derivation);
        let successor = refresh_tokens::find(transaction.conn(), &child.hash())?;
        let token_use =
            found.classify(successor.as_ref(), self.settings.refresh_replay_s.saturating_mul(1000));
        let (mut successor, is_late) = match (token_use, successor) {
            // The token is unused but could not be consumed: its session ended at this moment because its client was
            // disabled.
            (RefreshTokenUse::Expired | RefreshTokenUse::Rotate, _) => {
                return Ok(RefreshDecision::invalid(requested));
            }
            (RefreshTokenUse::Replay { is_late }, Some(successor)) => (successor, Some(is_late)),
            (RefreshTokenUse::TooManyReplays, Some(successor)) => (successor, None),
            (
                RefreshTokenUse::Replay { .. } | RefreshTokenUse::TooManyReplays | RefreshTokenUse::Reuse,
                _,
            ) => {
                return end_family(transaction, found, request, requested);
            }
        };
        let granted = match requested {
            Ok(granted) => granted,
            Err(what) => return Ok(RefreshDecision::ExceedsGrant(what)),
        };
        let counted = successor.refreshes.add(self.settings.limits.refreshes_of_session, found.now_ms);
        let refreshes = match counted {
            Ok(refreshes) => refreshes,
            Err(throttled) => return Ok(RefreshDecision::Throttled(throttled)),
        };
        let Some(is_late) = is_late else { return Ok(RefreshDecision::InvalidToken) };
        if !self.is_still_bound(transaction, &found.session)? {
            return Ok(RefreshDecision::InvalidToken);
        }
        if is_late || refreshes != successor.refreshes {
            successor.late_replays = successor.late_replays.saturating_add(i64::from(is_late));
            refresh_tokens::note_replay(
                transaction.conn(),
                &child.hash(),
                successor.late_replays,
                refreshes,
            )?;
        }
        let is_from_elsewhere =
            successor.first_caller.is_some_and(|first| first != self.caller_mark(request));
        if is_from_elsewhere {
            transaction.record(replayed(found, request));
        }
        let refresh = (child, successor.expires_at_ms);
        self.finish_refresh(transaction, found, request, granted, refresh, true)
    }
}

fn end_family(
    transaction: &mut Transaction<'_>,
    found: &StoredToken,
    request: &RefreshRequest<'_>,
    requested: Result<GrantedAccess, ExceedsGrant>,
) -> Result<RefreshDecision, TokenError> {
    let event = AuditEvent::new(AuditKind::RefreshReused, request.initiator);
    end_session(transaction, &found.session, EndReason::Reuse, event)?;
    Ok(RefreshDecision::Reused { requested })
}

fn replayed(found: &StoredToken, request: &RefreshRequest<'_>) -> AuditEvent {
    let (session, event) = (&found.session, AuditEvent::new(AuditKind::RefreshReplayed, request.initiator));
    event.user(session.user_id).client(&session.client_id).session(session.id)
}
