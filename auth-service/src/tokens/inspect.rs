//! Tells whether a token is valid now, without using it. Reads the database, so that the issuer's own endpoints see a
//! revocation at once.

use std::future::Future;
use std::pin::Pin;

use service_kit::database::{Database, DatabaseError, DbConnection};
use shared_claims::claims::{SessionId, TokenId};
use shared_claims::clock::SharedClock;
use shared_claims::revocation::{RevocationCheck, RevocationKind, RevocationQuery, Verdict};
use shared_claims::scope::Scopes;
use uuid::Uuid;

use super::{TokenError, TokenPolicy, Tokens};
use crate::domain::{RefreshToken, RefreshTokenPlain, Session, User};
use crate::storage::{refresh_tokens, revocations, sessions, users};

/// A refresh token that would be accepted now.
#[derive(Clone, Debug)]
pub struct LiveRefreshToken {
    /// The token.
    pub token: RefreshToken,
    /// Its session.
    pub session: Session,
    /// The user.
    pub user: User,
    /// The scope that it would grant now.
    pub scope: Scopes,
}

impl Tokens {
    /// Returns the refresh token if the client with this policy could use it now. Writes nothing.
    pub async fn find_live_refresh_token(
        &self,
        presented: RefreshTokenPlain,
        policy: TokenPolicy,
    ) -> Result<Option<LiveRefreshToken>, TokenError> {
        let now_ms = self.inner.unit_of_work.clock().now_ms();
        if !policy.refreshes {
            return Ok(None);
        }
        let read = self.inner.unit_of_work.database().read(move |conn| {
            let Some(token) = refresh_tokens::find(conn, &presented.hash())? else { return Ok(None) };
            let Some(session) = sessions::find(conn, token.session_id)? else { return Ok(None) };
            let is_dead = token.consumed_at_ms.is_some() || now_ms >= token.expires_at_ms;
            if is_dead || session.client_id != policy.client_id || !session.is_live(now_ms) {
                return Ok(None);
            }
            let user = users::find(conn, session.user_id)?.filter(|user| user.is_active);
            let scope = policy.allowed_in(&session).scope;
            Ok::<_, TokenError>(user.map(|user| LiveRefreshToken { token, session, user, scope }))
        });
        read.await
    }
}

/// The revocation source of the issuer itself.
pub struct DatabaseRevocationCheck {
    database: Database,
    clock: SharedClock,
}

impl DatabaseRevocationCheck {
    /// Builds the check for this database.
    pub fn new(database: Database, clock: SharedClock) -> Self {
        Self { database, clock }
    }
}

/// Owned [`RevocationQuery`], which can be sent to another thread.
struct OwnedQuery {
    jti: TokenId,
    sid: Option<SessionId>,
    sub: String,
    client_id: String,
    kid: String,
    exp: i64,
}

impl OwnedQuery {
    fn of(query: &RevocationQuery<'_>) -> Self {
        Self {
            jti: query.jti,
            sid: query.sid,
            sub: query.sub.to_owned(),
            client_id: query.client_id.to_owned(),
            kid: query.kid.to_owned(),
            exp: query.exp,
        }
    }

    fn as_query(&self) -> RevocationQuery<'_> {
        RevocationQuery {
            jti: self.jti,
            sid: self.sid,
            sub: &self.sub,
            client_id: &self.client_id,
            kid: &self.kid,
            exp: self.exp,
        }
    }
}

impl RevocationCheck for DatabaseRevocationCheck {
    fn check<'a>(
        &'a self,
        query: &'a RevocationQuery<'a>,
    ) -> Pin<Box<dyn Future<Output = Verdict> + Send + 'a>> {
        Box::pin(async move {
            let (query, now_ms) = (OwnedQuery::of(query), self.clock.now_ms());
            match self.database.read(move |conn| verdict(conn, &query, now_ms)).await {
                Ok(verdict) => verdict,
                Err(error) => {
                    tracing::warn!(%error, "token.check_failed");
                    Verdict::Unknown
                }
            }
        })
    }
}

fn verdict(conn: &mut DbConnection, query: &OwnedQuery, now_ms: i64) -> Result<Verdict, DatabaseError> {
    if let Some(fact) = revocations::find_for(conn, &query.as_query())?.first() {
        return Ok(Verdict::Revoked(fact.kind));
    }
    let Some(sid) = query.sid else { return Ok(Verdict::NotRevoked) };
    // Revocation facts are deleted when they have expired, so the session and the user are checked as well.
    let session = sessions::find(conn, Uuid::from_bytes(*sid.as_bytes()))?;
    let Some(session) = session.filter(|session| session.is_live(now_ms)) else {
        return Ok(Verdict::Revoked(RevocationKind::Sid));
    };
    match users::find(conn, session.user_id)? {
        Some(user) if user.is_active => Ok(Verdict::NotRevoked),
        _ => Ok(Verdict::Revoked(RevocationKind::Sub)),
    }
}
