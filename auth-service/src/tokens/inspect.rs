//! Checks a refresh token without using it.

use super::{Terms, TokenError, Tokens};
use crate::domain::{RefreshToken, RefreshTokenPlain, Session, User};
use crate::storage::{refresh_tokens, sessions, users};
use shared_claims::scope::Scopes;

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
    /// Returns the refresh token if the client with these terms could use it now. Writes nothing.
    pub async fn inspect_refresh_token(
        &self,
        presented: RefreshTokenPlain,
        terms: Terms,
    ) -> Result<Option<LiveRefreshToken>, TokenError> {
        let now_ms = self.inner.unit_of_work.clock().now_ms();
        if !terms.refreshes {
            return Ok(None);
        }
        let read = self.inner.unit_of_work.database().read(move |conn| {
            let Some(token) = refresh_tokens::find(conn, &presented.hash())? else { return Ok(None) };
            let Some(session) = sessions::find(conn, token.session_id)? else { return Ok(None) };
            let is_dead = token.consumed_at_ms.is_some() || now_ms >= token.expires_at_ms;
            if is_dead || session.client_id != terms.client_id || !session.is_live(now_ms) {
                return Ok(None);
            }
            let user = users::find(conn, session.user_id)?.filter(|user| user.is_active);
            let scope = terms.within(&session).scope;
            Ok::<_, TokenError>(user.map(|user| LiveRefreshToken { token, session, user, scope }))
        });
        read.await
    }
}
