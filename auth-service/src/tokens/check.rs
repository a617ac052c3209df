//! Checks in the database whether a token of this issuer is still valid, so that the issuer's own endpoints see a
//! revocation at once.

use std::future::Future;
use std::pin::Pin;

use service_kit::database::{Database, DatabaseError, DbConnection};
use shared_claims::claims::{SessionId, TokenId};
use shared_claims::clock::SharedClock;
use shared_claims::revocation::{Kind, Marks, RevocationCheck, Verdict};
use uuid::Uuid;

use crate::storage::{revocations, sessions, users};

/// The revocation source of the issuer itself.
pub struct OwnTokens {
    database: Database,
    clock: SharedClock,
}

impl OwnTokens {
    /// Builds the check for this database.
    pub fn new(database: Database, clock: SharedClock) -> Self {
        Self { database, clock }
    }
}

/// Owned [`Marks`], which can be sent to another thread.
struct OwnedMarks {
    jti: TokenId,
    sid: Option<SessionId>,
    sub: String,
    client_id: String,
    kid: String,
    exp: i64,
}

impl OwnedMarks {
    fn of(marks: &Marks<'_>) -> Self {
        Self {
            jti: marks.jti,
            sid: marks.sid,
            sub: marks.sub.to_owned(),
            client_id: marks.client_id.to_owned(),
            kid: marks.kid.to_owned(),
            exp: marks.exp,
        }
    }

    fn as_marks(&self) -> Marks<'_> {
        Marks {
            jti: self.jti,
            sid: self.sid,
            sub: &self.sub,
            client_id: &self.client_id,
            kid: &self.kid,
            exp: self.exp,
        }
    }
}

impl RevocationCheck for OwnTokens {
    fn check<'a>(&'a self, marks: &'a Marks<'a>) -> Pin<Box<dyn Future<Output = Verdict> + Send + 'a>> {
        Box::pin(async move {
            let (marks, now_ms) = (OwnedMarks::of(marks), self.clock.now_ms());
            match self.database.read(move |conn| judge(conn, &marks, now_ms)).await {
                Ok(verdict) => verdict,
                Err(error) => {
                    tracing::warn!(%error, "token.check_failed");
                    Verdict::Unknown
                }
            }
        })
    }
}

fn judge(conn: &mut DbConnection, marks: &OwnedMarks, now_ms: i64) -> Result<Verdict, DatabaseError> {
    if let Some(fact) = revocations::find_for(conn, &marks.as_marks())?.first() {
        return Ok(Verdict::Revoked(fact.kind));
    }
    let Some(sid) = marks.sid else { return Ok(Verdict::Live) };
    // Revocation facts are deleted when they have expired, so the session and the user are checked as well.
    let session = sessions::find(conn, Uuid::from_bytes(*sid.as_bytes()))?;
    let Some(session) = session.filter(|session| session.is_live(now_ms)) else {
        return Ok(Verdict::Revoked(Kind::Sid));
    };
    match users::find(conn, session.user_id)? {
        Some(user) if user.is_active => Ok(Verdict::Live),
        _ => Ok(Verdict::Revoked(Kind::Sub)),
    }
}
