//! The sessions that a browser has: those that its cookies name.

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;
use service_kit::http::Refusal;
use shared_claims::actix::{ProblemResponse, cookie};
use shared_claims::claims::FIRST_PARTY_CLIENT;
use shared_claims::verifier::{Verifier, VerifyError};
use uuid::Uuid;

use super::cookies::Cookies;
use crate::domain::{EndReason, Origin, RefreshTokenPlain};
use crate::tokens::Tokens;

/// Reads what a browser's cookies name. Cheap to clone.
#[derive(Clone)]
pub struct BrowserSessions {
    cookies: Cookies,
    verifier: Verifier,
}

/// What the cookies of a request name.
#[derive(Default)]
pub(super) struct Presented {
    /// Whether there is any cookie of ours.
    pub(super) is_any: bool,
    /// The session of the access cookie.
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
    /// `verifier` takes first-party tokens that have expired or were revoked, too. Such a token opens nothing. It names the
    /// session that it was given to, which whoever holds it could have ended while it lived; and that is all it is good for.
    pub fn new(cookies: Cookies, verifier: Verifier) -> Self {
        Self { cookies, verifier }
    }

    /// How the cookies are named and set.
    pub(super) fn cookies(&self) -> &Cookies {
        &self.cookies
    }

    /// What the cookies name. With an `Authorization` header they are ignored.
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

    /// The session of an access token that we signed.
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
    /// Whether the access cookie names another session than the refresh cookie: somebody else may have set one of them.
    pub(super) fn disagrees(&self, tokens: &Tokens) -> bool {
        let refresh = self.refresh.as_deref().and_then(RefreshTokenPlain::parse);
        let of_refresh = refresh.and_then(|token| tokens.session_of(&token));
        self.access.is_some_and(|access| Some(access.session_id) != of_refresh)
    }

    /// Ends each session that is named; whether there was one that had not ended.
    pub(super) async fn end(
        self,
        tokens: &Tokens,
        reason: EndReason,
        origin: &Origin,
    ) -> Result<bool, Refusal> {
        let mut has_ended = false;
        if let Some(Named { user_id, session_id }) = self.access {
            has_ended |= tokens.end_session(user_id, session_id, reason, origin.clone()).await?;
        }
        if let Some(token) = self.refresh.as_deref().and_then(RefreshTokenPlain::parse) {
            let client = FIRST_PARTY_CLIENT.to_owned();
            has_ended |= tokens.end_session_of(token, client, reason, origin.clone()).await?.is_some();
        }
        Ok(has_ended)
    }
}
