//! The rotation of a refresh token: it forgives the network, and not the thief.

use std::sync::Arc;

use service_kit::database::DbConnection;
use uuid::Uuid;

use super::begin::store;
use super::logout::Ended;
use super::mint::{Minted, Subject};
use super::{Ask, Given, Inner, Terms, TokenAnswer, TokenError, Tokens, TooMuch};
use crate::domain::{
    AuditEvent, AuditKind, EndReason, Origin, Presented, RefreshToken, RefreshTokenPlain, Session, User,
};
use crate::storage::{refresh_tokens, sessions};

/// What became of a refresh token that was presented.
#[derive(Debug)]
pub enum Refreshed {
    /// It gave its successor.
    Issued {
        /// Whose it is.
        user_id: Uuid,
        /// Its session.
        session_id: Uuid,
        /// Whether the successor had been given before.
        is_replay: bool,
        /// The tokens.
        tokens: Box<TokenAnswer>,
    },
    /// It was used before: the session and all that it gave are ended.
    Reused,
    /// It is unknown or another client's, its time is over, its session has ended, or its user is switched off. Nothing
    /// was consumed.
    Refused,
    /// More was asked for than the session permits. Nothing was consumed.
    TooMuch(TooMuch),
}

/// The same, decided and committed, and not yet signed or announced.
enum Decided {
    Issued { user_id: Uuid, session_id: Uuid, is_replay: bool, minted: Box<Minted> },
    Reused(Ended),
    Refused,
    TooMuch(TooMuch),
}

impl Tokens {
    /// Rotates a refresh token of the client with these terms. What is asked for narrows the access token; the
    /// successor keeps what the session permits.
    pub async fn refresh(
        &self,
        presented: RefreshTokenPlain,
        terms: Terms,
        ask: Ask,
        origin: Origin,
    ) -> Result<Refreshed, TokenError> {
        let Some(session_id) = presented.session_id(&self.inner.refresh_derivation) else {
            return Ok(Refreshed::Refused);
        };
        let inner = Arc::clone(&self.inner);
        let decided = self
            .inner
            .database
            .write(move |conn| {
                let request = Request { presented: &presented, terms: &terms, ask: &ask, origin: &origin };
                inner.decide_refresh(conn, session_id, &request)
            })
            .await?;
        match decided {
            Decided::Issued { user_id, session_id, is_replay, minted } => {
                let tokens = Box::new(self.inner.answer(*minted).await?);
                Ok(Refreshed::Issued { user_id, session_id, is_replay, tokens })
            }
            Decided::Reused(ended) => {
                self.tell(ended).await;
                Ok(Refreshed::Reused)
            }
            Decided::Refused => Ok(Refreshed::Refused),
            Decided::TooMuch(what) => Ok(Refreshed::TooMuch(what)),
        }
    }
}

/// A refresh token with all that decides on it.
struct Found {
    /// `None` for one that was used so long ago that it was forgotten: what was not used stays as long as its session.
    token: Option<RefreshToken>,
    session: Session,
    user: User,
    /// Read under the user's lock, and before anything that shows whether the session has ended: a client that was
    /// switched off has ended it, at a moment that lies later, and takes its cut after that.
    now_ms: i64,
}

/// What is asked for, and by whom.
struct Request<'a> {
    presented: &'a RefreshTokenPlain,
    terms: &'a Terms,
    ask: &'a Ask,
    origin: &'a Origin,
}

impl Found {
    fn gives_tokens_to(&self, terms: &Terms) -> bool {
        self.session.client_id == terms.client_id && self.session.is_live(self.now_ms) && self.user.is_active
    }

    fn means(&self, successor: Option<&RefreshToken>, replay_ms: i64) -> Presented {
        self.token.as_ref().map_or(Presented::Reuse, |token| token.present(successor, self.now_ms, replay_ms))
    }
}

impl Inner {
    /// Three statements where all is well: read under the user's lock, consume, store the child.
    ///
    /// On PostgreSQL what is read of session and token may be from before the wait for the lock: a waiting statement
    /// reads again the row that it locks, and no other. What is read of the user is from after it. So a token that is seen
    /// unused is consumed by a statement that looks for itself, at the token and at the session, and begins when the
    /// lock is held. Where it finds otherwise, or the token is seen used (or not at all), session and token are read
    /// once more, under the lock; and that decides.
    fn decide_refresh(
        &self,
        conn: &mut DbConnection,
        session_id: Uuid,
        request: &Request<'_>,
    ) -> Result<Decided, TokenError> {
        let hash = request.presented.hash();
        let Some((session, user, token)) = sessions::lock_with_user(conn, session_id, &hash)? else {
            return Ok(Decided::Refused);
        };
        let mut found = Found { token, session, user, now_ms: self.clock.now_ms() };
        if !found.gives_tokens_to(request.terms) {
            return Ok(Decided::Refused);
        }
        if found.means(None, 0) == Presented::Rotate {
            let given = match request.ask.of(request.terms.within(&found.session)) {
                Ok(given) => given,
                Err(what) => return Ok(Decided::TooMuch(what)),
            };
            if refresh_tokens::consume(conn, &hash, found.now_ms)? {
                let child = request.presented.child(&self.refresh_derivation);
                let ends_at_ms = store(conn, &child, request.terms, &found.session, found.now_ms)?;
                return self.give_beside(conn, found, request.terms, given, (child, ends_at_ms), false);
            }
        }
        let Some(session) = sessions::find(conn, session_id)? else { return Ok(Decided::Refused) };
        found = Found { token: refresh_tokens::find(conn, &hash)?, session, ..found };
        if found.gives_tokens_to(request.terms) {
            self.decide_replay(conn, found, request)
        } else {
            Ok(Decided::Refused)
        }
    }

    /// The same for a token that was used, or cannot be.
    fn decide_replay(
        &self,
        conn: &mut DbConnection,
        found: Found,
        request: &Request<'_>,
    ) -> Result<Decided, TokenError> {
        let child = request.presented.child(&self.refresh_derivation);
        let successor = refresh_tokens::find(conn, &child.hash())?;
        let meaning = found.means(successor.as_ref(), self.settings.refresh_replay_s.saturating_mul(1000));
        let successor = match (meaning, successor) {
            (Presented::Expired, _) => return Ok(Decided::Refused),
            (Presented::Replay, Some(successor)) => successor,
            // Unused after all is what the user's lock rules out.
            (Presented::Replay | Presented::Rotate | Presented::Reuse, _) => {
                return self.end_family(conn, &found.session, request.origin, found.now_ms);
            }
        };
        match request.ask.of(request.terms.within(&found.session)) {
            Ok(given) => {
                self.give_beside(conn, found, request.terms, given, (child, successor.expires_at_ms), true)
            }
            Err(what) => Ok(Decided::TooMuch(what)),
        }
    }

    /// Mints the access token beside a child that is stored, and notes the use of the session.
    fn give_beside(
        &self,
        conn: &mut DbConnection,
        found: Found,
        terms: &Terms,
        given: Given,
        refresh: (RefreshTokenPlain, i64),
        is_replay: bool,
    ) -> Result<Decided, TokenError> {
        let Found { mut session, user, now_ms, .. } = found;
        let claims = self.mint(terms, Subject::User(&user, &session), given, now_ms);
        if session.note_use(now_ms, claims.exp, refresh.1) {
            sessions::touch(conn, &session)?;
        }
        Ok(Decided::Issued {
            user_id: user.id,
            session_id: session.id,
            is_replay,
            minted: Box::new(Minted { claims, refresh: Some(refresh) }),
        })
    }

    fn end_family(
        &self,
        conn: &mut DbConnection,
        session: &Session,
        origin: &Origin,
        now_ms: i64,
    ) -> Result<Decided, TokenError> {
        let event = AuditEvent::new(AuditKind::RefreshReused, origin);
        Ok(Decided::Reused(self.end_session(conn, session, EndReason::Reuse, event, now_ms)?))
    }
}
