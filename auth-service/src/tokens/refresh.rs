//! Rotates refresh tokens. A retried request gets the same successor; any later reuse ends the session.

use std::sync::Arc;

use uuid::Uuid;

use super::issue::{Minted, Subject};
use super::login::{Lineage, store};
use super::logout::end_session;
use super::{Ask, Given, Inner, Terms, TokenAnswer, TokenError, Tokens, TooMuch};
use crate::domain::{
    AuditEvent, AuditKind, EndReason, Initiator, Presented, RefreshToken, RefreshTokenPlain, Session,
    Throttled, User,
};
use crate::storage::{Transaction, refresh_tokens, sessions};

/// The outcome of presenting a refresh token.
#[derive(Debug)]
pub enum Refreshed {
    /// Its successor was issued.
    Issued {
        /// The user.
        user_id: Uuid,
        /// The session.
        session_id: Uuid,
        /// Whether the successor had been issued before, so that this was a replay.
        is_replay: bool,
        /// The tokens.
        tokens: Box<TokenAnswer>,
    },
    /// The token was used before. The session is ended and its tokens are revoked.
    Reused,
    /// The token is unknown, expired or another client's, its session has ended, its user is disabled, or it was
    /// replayed too often. Nothing was consumed.
    Refused,
    /// The request exceeds the scope of the session. Nothing was consumed. This is checked before everything else,
    /// even for an ended session, so that the response does not show whether the token is valid.
    TooMuch(TooMuch),
    /// The session was refreshed too often in this minute. Nothing was consumed.
    Throttled(Throttled),
}

/// The outcome as committed, before the token is signed.
enum Decided {
    Issued { user_id: Uuid, session_id: Uuid, is_replay: bool, minted: Box<Minted> },
    Reused { asked: Result<Given, TooMuch> },
    Refused,
    TooMuch(TooMuch),
    Throttled(Throttled),
}

impl Decided {
    fn refused(asked: Result<Given, TooMuch>) -> Self {
        asked.map_or_else(Self::TooMuch, |_| Self::Refused)
    }
}

impl Tokens {
    /// Rotates a refresh token of the client with these terms. The request can narrow the access token; the successor
    /// keeps the scope of the session.
    pub async fn refresh(
        &self,
        presented: RefreshTokenPlain,
        terms: Terms,
        ask: Ask,
        initiator: Initiator,
    ) -> Result<Refreshed, TokenError> {
        let Some(session_id) = presented.session_id(&self.inner.refresh_derivation) else {
            return Ok(ask.of(terms.most()).map_or_else(Refreshed::TooMuch, |_| Refreshed::Refused));
        };
        let inner = Arc::clone(&self.inner);
        let decided = self.inner.unit_of_work.commit(move |transaction| {
            let request = Request { presented: &presented, terms: &terms, ask: &ask, initiator: &initiator };
            inner.decide_refresh(transaction, session_id, &request)
        });
        match decided.await?.value {
            Decided::Issued { user_id, session_id, is_replay, minted } => {
                let tokens = Box::new(self.inner.answer(*minted).await?);
                Ok(Refreshed::Issued { user_id, session_id, is_replay, tokens })
            }
            Decided::Reused { asked } => Ok(asked.map_or_else(Refreshed::TooMuch, |_| Refreshed::Reused)),
            Decided::Refused => Ok(Refreshed::Refused),
            Decided::TooMuch(what) => Ok(Refreshed::TooMuch(what)),
            Decided::Throttled(throttled) => Ok(Refreshed::Throttled(throttled)),
        }
    }
}

/// A refresh token with the values that decide on its use.
struct Found {
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
struct Request<'a> {
    presented: &'a RefreshTokenPlain,
    terms: &'a Terms,
    ask: &'a Ask,
    initiator: &'a Initiator,
}

impl Found {
    fn gives_tokens_to(&self, terms: &Terms) -> bool {
        self.session.client_id == terms.client_id && self.session.is_live(self.now_ms) && self.user.is_active
    }

    /// The token, if it is unused and has not expired.
    fn unused(&self) -> Option<&RefreshToken> {
        self.token.as_ref().filter(|token| token.present(None, self.now_ms, 0) == Presented::Rotate)
    }

    /// The scope and audience that the request is granted.
    fn asked(&self, request: &Request<'_>) -> Result<Given, TooMuch> {
        request.ask.of(request.terms.within(&self.session))
    }

    fn means(&self, successor: Option<&RefreshToken>, replay_ms: i64) -> Presented {
        self.token.as_ref().map_or(Presented::Reuse, |token| token.present(successor, self.now_ms, replay_ms))
    }
}

impl Inner {
    /// Decides on a refresh. The normal case needs three statements: read under the user's lock, consume the token,
    /// insert the child.
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
        request: &Request<'_>,
    ) -> Result<Decided, TokenError> {
        let hash = request.presented.hash();
        let of_client = || request.ask.of(request.terms.most());
        let Some((session, user, token)) = sessions::lock_with_user(transaction.conn(), session_id, &hash)?
        else {
            return Ok(Decided::refused(of_client()));
        };
        let mut found = Found { token, session, user, now_ms: transaction.now_ms() };
        if let Some(decided) = self.rotate(transaction, &mut found, request)? {
            return Ok(decided);
        }
        let Some(session) = sessions::find(transaction.conn(), session_id)? else {
            return Ok(Decided::refused(of_client()));
        };
        found = Found { token: refresh_tokens::find(transaction.conn(), &hash)?, session, ..found };
        match self.rotate(transaction, &mut found, request)? {
            Some(decided) => Ok(decided),
            None => self.decide_replay(transaction, &mut found, request),
        }
    }

    /// Rotates a token that was read as unused; `None` if it was read as used or was used since.
    fn rotate(
        &self,
        transaction: &mut Transaction<'_>,
        found: &mut Found,
        request: &Request<'_>,
    ) -> Result<Option<Decided>, TokenError> {
        let asked = found.asked(request);
        if !found.gives_tokens_to(request.terms) {
            return Ok(Some(Decided::refused(asked)));
        }
        let Some(token) = found.unused() else { return Ok(None) };
        let given = match asked {
            Ok(given) => given,
            Err(what) => return Ok(Some(Decided::TooMuch(what))),
        };
        let (seen, limit) = (token.refreshes, self.settings.limits.refreshes_of_session);
        let refreshes = match seen.add(limit, found.now_ms) {
            Ok(refreshes) => refreshes,
            Err(throttled) => return Ok(Some(Decided::Throttled(throttled))),
        };
        if !refresh_tokens::consume(transaction.conn(), &request.presented.hash(), seen, found.now_ms)? {
            return Ok(None);
        }
        let child = request.presented.child(&self.refresh_derivation);
        let lineage = Lineage { first_caller: Some(self.caller_mark(request)), refreshes };
        let ends_at_ms =
            store(transaction.conn(), &child, request.terms, &found.session, lineage, found.now_ms)?;
        self.give_beside(transaction, found, request, given, (child, ends_at_ms), false).map(Some)
    }

    fn caller_mark(&self, request: &Request<'_>) -> i64 {
        request.presented.caller_mark(&request.initiator.device, &self.refresh_derivation)
    }

    /// Makes the access token that is returned with a stored child, and notes the use of the session.
    fn give_beside(
        &self,
        transaction: &mut Transaction<'_>,
        found: &mut Found,
        request: &Request<'_>,
        given: Given,
        refresh: (RefreshTokenPlain, i64),
        is_replay: bool,
    ) -> Result<Decided, TokenError> {
        let Found { session, user, now_ms, .. } = found;
        let claims = self.mint(request.terms, Subject::User(user, session), given, *now_ms);
        if session.note_use(*now_ms, claims.exp, refresh.1) {
            sessions::touch(transaction.conn(), session)?;
        }
        Ok(Decided::Issued {
            user_id: user.id,
            session_id: session.id,
            is_replay,
            minted: Box::new(Minted { claims, refresh: Some(refresh) }),
        })
    }
}

impl Inner {
    /// Decides on a token that was used or cannot be consumed. The caller holds the user's lock and has read the
    /// session and the token under it.
    fn decide_replay(
        &self,
        transaction: &mut Transaction<'_>,
        found: &mut Found,
        request: &Request<'_>,
    ) -> Result<Decided, TokenError> {
        let asked = found.asked(request);
        let child = request.presented.child(&self.refresh_derivation);
        let successor = refresh_tokens::find(transaction.conn(), &child.hash())?;
        let meaning = found.means(successor.as_ref(), self.settings.refresh_replay_s.saturating_mul(1000));
        let (mut successor, is_late) = match (meaning, successor) {
            // The token is unused but could not be consumed: its session ended at this moment because its client was
            // disabled.
            (Presented::Expired | Presented::Rotate, _) => return Ok(Decided::refused(asked)),
            (Presented::Replay { is_late }, Some(successor)) => (successor, Some(is_late)),
            (Presented::ReplayTooMany, Some(successor)) => (successor, None),
            (Presented::Replay { .. } | Presented::ReplayTooMany | Presented::Reuse, _) => {
                return end_family(transaction, found, request, asked);
            }
        };
        let given = match asked {
            Ok(given) => given,
            Err(what) => return Ok(Decided::TooMuch(what)),
        };
        let counted = successor.refreshes.add(self.settings.limits.refreshes_of_session, found.now_ms);
        let refreshes = match counted {
            Ok(refreshes) => refreshes,
            Err(throttled) => return Ok(Decided::Throttled(throttled)),
        };
        let Some(is_late) = is_late else { return Ok(Decided::Refused) };
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
        self.give_beside(transaction, found, request, given, refresh, true)
    }
}

fn end_family(
    transaction: &mut Transaction<'_>,
    found: &Found,
    request: &Request<'_>,
    asked: Result<Given, TooMuch>,
) -> Result<Decided, TokenError> {
    let event = AuditEvent::new(AuditKind::RefreshReused, request.initiator);
    end_session(transaction, &found.session, EndReason::Reuse, event)?;
    Ok(Decided::Reused { asked })
}

fn replayed(found: &Found, request: &Request<'_>) -> AuditEvent {
    let (session, event) = (&found.session, AuditEvent::new(AuditKind::RefreshReplayed, request.initiator));
    event.user(session.user_id).client(&session.client_id).session(session.id)
}
