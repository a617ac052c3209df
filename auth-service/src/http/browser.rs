//! The two cookies of a browser: sets and clears them, and finds the sessions that they name. Scripts cannot read them,
//! and the refresh token is sent to this service only.

use std::sync::Arc;

use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header::AUTHORIZATION;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, ResponseError};
use service_kit::http::{CookieRules, HttpError};
use shared_claims::actix::{ProblemResponse, cookie};
use shared_claims::claims::FIRST_PARTY_CLIENT;
use shared_claims::verifier::{Verifier, VerifyError};
use uuid::Uuid;

use crate::domain::{EndReason, Initiator, RefreshTokenPlain};
use crate::tokens::{IssuedTokens, Tokens};

/// The names and attributes of the cookies. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Cookies {
    names: Arc<CookieNames>,
    is_secure: bool,
    refresh_path: Arc<str>,
}

#[derive(Debug)]
struct CookieNames {
    access: String,
    refresh: String,
}

impl Cookies {
    /// Builds cookies by these rules. `base_path` is the path of the issuer, under which browsers reach this service.
    pub fn new(rules: &CookieRules, base_path: &str) -> Self {
        let names =
            CookieNames { access: rules.access_token(), refresh: rules.name("__Secure-", "refresh_token") };
        let refresh_path = format!("{base_path}/auth").into();
        Self { names: Arc::new(names), is_secure: rules.is_secure, refresh_path }
    }

    /// The name of the cookie with the access token.
    pub fn access_name(&self) -> &str {
        &self.names.access
    }

    /// The name of the cookie with the refresh token.
    pub(super) fn refresh_name(&self) -> &str {
        &self.names.refresh
    }

    /// Sets both cookies.
    pub(super) fn set(&self, response: &mut HttpResponseBuilder, tokens: &IssuedTokens) {
        response.cookie(self.access(tokens.access_token.clone(), tokens.expires_in));
        if let Some(refresh) = &tokens.refresh {
            response.cookie(self.refresh(refresh.token.expose().to_owned(), refresh.expires_in));
        }
    }

    /// Both cookies with an empty value and a `Max-Age` of 0.
    fn cleared(&self) -> [Cookie<'static>; 2] {
        [self.access(String::new(), 0), self.refresh(String::new(), 0)]
    }

    /// A response 204 that deletes the cookies.
    pub(super) fn clear_and_confirm(&self) -> HttpResponse {
        let mut response = HttpResponse::NoContent();
        for cookie in self.cleared() {
            response.cookie(cookie);
        }
        response.finish()
    }

    /// The response for an error, which also deletes the cookies.
    pub(super) fn clear_and_refuse(&self, error: &HttpError) -> HttpResponse {
        let mut response = error.error_response();
        for cookie in self.cleared() {
            // Fails only if a cookie's name or value is not a valid header value. Both are constants of this service.
            if let Err(error) = response.add_cookie(&cookie) {
                tracing::error!(%error, "cookie.not_cleared");
            }
        }
        response
    }

    fn access(&self, value: String, age: i64) -> Cookie<'static> {
        self.cookie(self.access_name(), value, "/", age)
    }

    fn refresh(&self, value: String, age: i64) -> Cookie<'static> {
        self.cookie(self.refresh_name(), value, &self.refresh_path, age)
    }

    fn cookie(&self, name: &str, value: String, path: &str, age: i64) -> Cookie<'static> {
        Cookie::build(name.to_owned(), value)
            .path(path.to_owned())
            .secure(self.is_secure)
            .http_only(true)
            .same_site(SameSite::Strict)
            .max_age(Duration::seconds(age))
            .finish()
    }
}

/// Reads the sessions that a browser's cookies name. Cheap to clone.
#[derive(Clone)]
pub struct BrowserSessions {
    cookies: Cookies,
    verifier: Verifier,
}

/// The sessions that the cookies of a request name.
#[derive(Default)]
pub(super) struct NamedSessions {
    /// Whether the request has the access cookie or the refresh cookie.
    pub(super) has_cookie: bool,
    /// The session that the access cookie names.
    access: Option<AccessSession>,
    /// The value of the refresh cookie.
    pub(super) refresh: Option<String>,
}

#[derive(Clone, Copy)]
struct AccessSession {
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
    pub(super) async fn read(&self, request: &HttpRequest) -> Result<NamedSessions, HttpError> {
        if request.headers().contains_key(AUTHORIZATION) {
            return Ok(NamedSessions::default());
        }
        let access = cookie(request, self.cookies.access_name())?;
        let refresh = cookie(request, self.cookies.refresh_name())?;
        Ok(NamedSessions {
            has_cookie: access.is_some() || refresh.is_some(),
            access: match access {
                Some(token) => self.session_of(token).await?,
                None => None,
            },
            refresh: refresh.map(str::to_owned),
        })
    }

    /// The session of an access token that this issuer signed.
    async fn session_of(&self, token: &str) -> Result<Option<AccessSession>, HttpError> {
        let verified = match self.verifier.verify(token).await {
            Ok(verified) => verified,
            Err(error @ VerifyError::Unavailable(_)) => return Err(ProblemResponse::from(error).into()),
            Err(_) => return Ok(None),
        };
        let session_id = verified.sid.map(|sid| Uuid::from_bytes(*sid.as_bytes()));
        let named = verified.sub.parse().ok().zip(session_id);
        Ok(named.map(|(user_id, session_id)| AccessSession { user_id, session_id }))
    }
}

impl NamedSessions {
    /// Whether the access cookie and the refresh cookie name different sessions. Then an attacker may have planted
    /// one of them.
    pub(super) fn name_different_sessions(&self, tokens: &Tokens) -> bool {
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
        if let Some(AccessSession { user_id, session_id }) = self.access {
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
