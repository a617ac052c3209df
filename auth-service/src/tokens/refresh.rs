//! The rotation of a refresh token: it forgives the network, and not the thief.

use std::sync::Arc;

use service_kit::database::DbConnection;
use uuid::Uuid;

use super::begin::store;
use super::logout::Ended;
use super::mint::{Minted, Subject};
use super::{Ask, Inner, Terms, TokenAnswer, TokenError, Tokens, TooMuch};
use crate::domain::{
    AuditEvent, AuditKind, EndReason, Origin, Presented, RefreshToken, RefreshTokenPlain, Session, User,
};
use crate::storage::{refresh_tokens, sessions, users};

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
                let Some(found) = inner.find_locked(conn, session_id, &presented)? else {
                    return Ok(Decided::Refused);
                };
                inner.decide_refresh(conn, found, &presented, &terms, &ask, &origin)
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

/// A refresh token with all that decides on it, read under the user's lock.
struct Found {
    /// `None` for one that was used so long ago that it was forgotten: what was not used stays as long as its session.
    token: Option<RefreshToken>,
    session: Session,
    user: User,
    /// Read under the lock, and before the session: a client that was switched off has ended it, at a moment that lies
    /// later, and takes its cut after that.
    now_ms: i64,
}

impl Inner {
    /// Finds whose it is, locks the user, and reads what may have changed before the lock was there.
    fn find_locked(
        &self,
        conn: &mut DbConnection,
        session_id: Uuid,
        presented: &RefreshTokenPlain,
    ) -> Result<Option<Found>, TokenError> {
        let Some(session) = sessions::find(conn, session_id)? else { return Ok(None) };
        let Some(credentials) = users::lock(conn, session.user_id)? else { return Ok(None) };
        let now_ms = self.clock.now_ms();
        let token = refresh_tokens::find(conn, &presented.hash())?;
        let Some(session) = sessions::find(conn, session_id)? else { return Ok(None) };
        Ok(Some(Found { token, session, user: credentials.user, now_ms }))
    }

    fn decide_refresh(
        &self,
        conn: &mut DbConnection,
        found: Found,
        presented: &RefreshTokenPlain,
        terms: &Terms,
        ask: &Ask,
        origin: &Origin,
    ) -> Result<Decided, TokenError> {
        let Found { token, mut session, user, now_ms } = found;
        if session.client_id != terms.client_id || !session.is_live(now_ms) || !user.is_active {
            return Ok(Decided::Refused);
        }
        let child = presented.child(&self.refresh_derivation);
        let successor = refresh_tokens::find(conn, &child.hash())?;
        let replay_ms = self.settings.refresh_replay_s.saturating_mul(1000);
        let meaning =
            token.map_or(Presented::Reuse, |token| token.present(successor.as_ref(), now_ms, replay_ms));
        match meaning {
            Presented::Expired => return Ok(Decided::Refused),
            Presented::Reuse => return self.end_family(conn, &session, origin, now_ms),
            Presented::Rotate | Presented::Replay => {}
        }
        let given = match ask.of(terms.within(&session)) {
            Ok(given) => given,
            Err(what) => return Ok(Decided::TooMuch(what)),
        };
        let refresh_expires_at_ms = match (meaning, successor) {
            (Presented::Replay, Some(successor)) => successor.expires_at_ms,
            // Another transaction was faster, which the user's lock rules out.
            _ if !refresh_tokens::consume(conn, &presented.hash(), now_ms)? => {
                return self.end_family(conn, &session, origin, now_ms);
            }
            _ => store(conn, &child, terms, &session, now_ms)?,
        };
        let claims = self.mint(terms, Subject::User(&user, &session), given, now_ms);
        if session.note_use(now_ms, claims.exp, refresh_expires_at_ms) {
            sessions::touch(conn, &session)?;
        }
        Ok(Decided::Issued {
            user_id: user.id,
            session_id: session.id,
            is_replay: meaning == Presented::Replay,
            minted: Box::new(Minted { claims, refresh: Some((child, refresh_expires_at_ms)) }),
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
