//! A login's tokens: a session, its first access token and its first refresh token.

use std::sync::Arc;

use shared_claims::claims::FIRST_PARTY_CLIENT;
use shared_claims::scope::Scopes;
use uuid::Uuid;

use super::mint::Minted;
use super::{TokenAnswer, TokenError, Tokens};
use crate::domain::{AuditEvent, AuditKind, Origin, PasswordHash, RefreshToken, RefreshTokenPlain, Session};
use crate::storage::{audit, refresh_tokens, sessions, users};

/// Credentials that were verified, and in which state.
#[derive(Clone, Debug)]
pub struct Proven {
    /// Whose they are.
    pub user_id: Uuid,
    /// Their version when they were verified.
    pub version: i64,
    /// The hash that was verified and the one to put in its place, where it was of an older kind.
    pub upgrade: Option<(PasswordHash, PasswordHash)>,
}

/// What became of a login.
#[derive(Debug)]
pub enum Login {
    /// It gave a session.
    Issued {
        /// The session.
        session_id: Uuid,
        /// Its first tokens.
        tokens: Box<TokenAnswer>,
    },
    /// The user was switched off, or the password changed, since the password was verified.
    Refused,
}

impl Tokens {
    /// Begins a session, if the credentials are still those that were verified.
    pub async fn issue(&self, proven: Proven, scope: Scopes, origin: Origin) -> Result<Login, TokenError> {
        let inner = Arc::clone(&self.inner);
        let refresh_token = RefreshTokenPlain::from_random(inner.random.bytes());
        let decided = self.inner.database.write(move |conn| {
            let refused = AuditEvent::new(AuditKind::LoginRefused, &origin)
                .user(proven.user_id)
                .client(FIRST_PARTY_CLIENT)
                .reason("changed_meanwhile");
            let Some(credentials) = users::lock(conn, proven.user_id)? else {
                audit::record(conn, &refused, &inner.random, inner.clock.now_ms())?;
                return Ok((refused, None));
            };
            let now_ms = inner.clock.now_ms();
            let user = credentials.user;
            // The version and not the hash: a login beside this one may have upgraded the hash of the same password.
            if !user.is_active || credentials.version != proven.version {
                audit::record(conn, &refused, &inner.random, now_ms)?;
                return Ok((refused, None));
            }
            if let Some((old, new)) = &proven.upgrade {
                users::upgrade_hash(conn, user.id, old, new, now_ms)?;
            }
            let mut session = Session {
                id: inner.random.uuid_at(now_ms),
                user_id: user.id,
                client_id: FIRST_PARTY_CLIENT.to_owned(),
                scope: scope.clone(),
                audience: vec![inner.settings.audience.clone()],
                amr: vec!["pwd".to_owned()],
                auth_time_s: now_ms.div_euclid(1000),
                created_at_ms: now_ms,
                last_used_at_ms: now_ms,
                expires_at_ms: now_ms.saturating_add(inner.settings.session_max_age_s.saturating_mul(1000)),
                ended_at_ms: None,
                user_agent: origin.device.user_agent.clone(),
                address: origin.device.address.clone(),
                access_expires_at_s: 0,
            };
            let claims = inner.mint(&user, &session, scope, now_ms);
            session.access_expires_at_s = claims.exp;
            let refresh_expires_at_ms = inner.refresh_end_ms(&session, now_ms);
            sessions::insert(conn, &session)?;
            let token = RefreshToken {
                session_id: session.id,
                issued_at_ms: now_ms,
                expires_at_ms: refresh_expires_at_ms,
                consumed_at_ms: None,
            };
            refresh_tokens::insert(conn, &refresh_token.hash(), &token)?;
            let begun = AuditEvent::new(AuditKind::LoggedIn, &origin)
                .user(user.id)
                .client(&session.client_id)
                .session(session.id);
            audit::record(conn, &begun, &inner.random, now_ms)?;
            let minted = Minted { claims, refresh_token, refresh_expires_at_ms };
            Ok::<_, TokenError>((begun, Some((session.id, minted))))
        });
        let (event, given) = decided.await?;
        event.log();
        match given {
            None => Ok(Login::Refused),
            Some((session_id, minted)) => {
                Ok(Login::Issued { session_id, tokens: Box::new(self.inner.answer(minted).await?) })
            }
        }
    }
}
