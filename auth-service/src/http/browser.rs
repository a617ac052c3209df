//! The sessions of a browser, which its cookies name.

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;
use service_kit::http::HttpError;
use shared_claims::actix::{ProblemResponse, cookie};
use shared_claims::claims::FIRST_PARTY_CLIENT;
use shared_claims::verifier::{Verifier, VerifyError};
use uuid::Uuid;

use super::cookies::Cookies;
use crate::domain::{EndReason, Initiator, RefreshTokenPlain};
use crate::tokens::Tokens;

/// Reads the sessions that a browser's cookies name. Cheap to clone.
#[derive(Clone)]
pub struct BrowserSessions {
    cookies: Cookies,
    verifier: Verifier,
}

/// The sessions that the cookies of a request name.
#[derive(Default)]
pub(super) struct Presented {
    /// Whether the request has the access cookie or the refresh cookie.
    pub(super) is_any: bool,
    /// The session that the access cookie names.
    access: Option<Named>,
    /// The value of the refresh cookie.
    pub(super) refresh: Option<String>,
}

#[derive(Clone, Copy)]
struct Named {
    user_id: Uuid,
    session_id: Uuid,
}

impl BrowserSessions {
    /// Builds the reader. `verifier` must also accept first-party tokens that have expired or were revoked. Such a
    /// token gives access to nothing: it is only used to find the session that it belongs to, so that a login or
    /// logout can end that session. The holder of the token could have ended the session while the token was valid.
    pub fn new(cookies: Cookies, verifier: Verifier) -> Self {
        Self { cookies, verifier }
    }

    /// The names and attributes of the cookies.
    pub(super) fn cookies(&self) -> &Cookies {
        &self.cookies
    }

    /// Reads the sessions that the cookies name. The cookies are ignored if the request has an `Authorization`
    /// header.
    pub(super) async fn read(&self, request: &HttpRequest) -> Result<Presented, ProblemResponse> {
        if request.headers().contains_key(AUTHORIZATION) {
            return Ok(Presented::default());
        }
        let access = cookie(request, self.cookies.access_name())?;
        let refresh = cookie(request, self.cookies.refresh_name())?;
        Ok(Presented {
            is_any: access.is_some() || refresh.is_some(),
            access: match access {
                Some(token) => self.named_by(token).await?,
                None => None,
            },
            refresh: refresh.map(str::to_owned),
        })
    }

    /// The session of an access token that this issuer signed.
    async fn named_by(&self, token: &str) -> Result<Option<Named>, ProblemResponse> {
        let verified = match self.verifier.verify(token).await {
            Ok(verified) => verified,
            Err(error @ VerifyError::Unavailable(_)) => return Err(error.into()),
            Err(_) => return Ok(None),
        };
        let session_id = verified.sid.map(|sid| Uuid::from_bytes(*sid.as_bytes()));
        let named = verified.sub.parse().ok().zip(session_id);
        Ok(named.map(|(user_id, session_id)| Named { user_id, session_id }))
    }
}

impl Presented {
    /// Whether the access cookie and the refresh cookie name different sessions. Then an attacker may have planted
    /// one of them.
    pub(super) fn disagrees(&self, tokens: &Tokens) -> bool {
        let refresh = self.refresh.as_deref().and_then(RefreshTokenPlain::parse);
        let of_refresh = refresh.and_then(|token| tokens.session_of(&token));
        self.access.is_some_and(|access| Some(access.session_id) != of_refresh)
    }

    /// Ends each session that the cookies name. Returns whether at least one had not ended before.
    pub(super) async fn end(
        self,
        tokens: &Tokens,
        reason: EndReason,
        initiator: &Initiator,
    ) -> Result<bool, HttpError> {
        let mut has_ended = false;
        if let Some(Named { user_id, session_id }) = self.access {
            has_ended |= tokens.end_session(user_id, session_id, reason, initiator.clone()).await?;
        }
        if let Some(token) = self.refresh.as_deref().and_then(RefreshTokenPlain::parse) {
            let client = FIRST_PARTY_CLIENT.to_owned();
            has_ended |=
                tokens.revoke_refresh_token(token, client, reason, initiator.clone()).await?.is_some();
        }
        Ok(has_ended)
    }
}
