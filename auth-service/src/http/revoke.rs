//! `POST /oauth2/revoke` (RFC 7009), for the public client `first-party`.

use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE};
use actix_web::{Error, HttpRequest, HttpResponse, web};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use shared_claims::actix::BearerAuth;
use shared_claims::claims::FIRST_PARTY_CLIENT;
use shared_claims::verifier::VerifyError;
use url::form_urlencoded;
use utoipa::ToSchema;

use super::caller::Caller;
use super::oauth_error::{OauthError, OauthErrorBody};
use crate::domain::{EndReason, Origin, RefreshTokenPlain};
use crate::tokens::{TokenError, Tokens};

/// The parameters.
#[derive(ToSchema)]
#[expect(dead_code, reason = "for the document: the form is read by hand, so that RFC 6749 words its errors")]
pub(super) struct RevokeRequest {
    /// An access token or a refresh token
    token: String,
    /// `access_token` or `refresh_token`: a hint, no more
    token_type_hint: Option<String>,
    #[schema(example = "first-party")]
    client_id: String,
}

/// What is read of the form.
#[derive(Default)]
struct Parameters {
    token: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
}

/// Revokes an access token alone, or a refresh token with its session.
#[utoipa::path(
    post,
    path = "/oauth2/revoke",
    tag = "token",
    request_body(content = RevokeRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "It is revoked, or never was one"),
        (status = 400, description = "`invalid_request`", body = OauthErrorBody),
        (status = 401, description = "`invalid_client`", body = OauthErrorBody),
    )
)]
pub(super) async fn revoke(
    request: HttpRequest,
    bearer: web::Data<BearerAuth>,
    tokens: web::Data<Tokens>,
    Caller(origin): Caller,
    body: Result<web::Bytes, Error>,
) -> HttpResponse {
    let outcome = match body {
        Ok(body) => carry_out(&request, &bearer, &tokens, &body, origin).await,
        Err(_) => Err(OauthError::TooLarge),
    };
    match outcome {
        Ok(()) => HttpResponse::Ok().finish(),
        Err(error) => error.response(),
    }
}

async fn carry_out(
    request: &HttpRequest,
    bearer: &BearerAuth,
    tokens: &Tokens,
    body: &[u8],
    origin: Origin,
) -> Result<(), OauthError> {
    let parameters = read(request, body)?;
    authenticate(request, &parameters)?;
    let token = parameters.token.ok_or(OauthError::InvalidRequest("token is required"))?;
    // The two kinds do not look alike, so the hint is not needed.
    let revoked = match RefreshTokenPlain::parse(&token) {
        Some(token) => revoke_refresh_token(tokens, token, origin).await,
        None => revoke_access_token(bearer, tokens, &token, origin).await?,
    };
    revoked.map_err(|error| match error {
        TokenError::Database(error) if error.is_transient() => OauthError::TemporarilyUnavailable,
        TokenError::Database(_) | TokenError::Keys(_) => {
            tracing::error!(%error, "oauth2.revoke_failed");
            OauthError::ServerError
        }
    })
}

async fn revoke_refresh_token(
    tokens: &Tokens,
    token: RefreshTokenPlain,
    origin: Origin,
) -> Result<(), TokenError> {
    tokens.end_session_of(token, FIRST_PARTY_CLIENT.to_owned(), EndReason::Revoked, origin).await?;
    Ok(())
}

/// A token that is not ours, has expired or is revoked already: nothing to do, and nothing to tell.
async fn revoke_access_token(
    bearer: &BearerAuth,
    tokens: &Tokens,
    token: &str,
    origin: Origin,
) -> Result<Result<(), TokenError>, OauthError> {
    let verified = match bearer.verifier().verify(token).await {
        Ok(verified) => verified,
        Err(VerifyError::Unavailable(_)) => return Err(OauthError::TemporarilyUnavailable),
        Err(_) => return Ok(Ok(())),
    };
    Ok(tokens.revoke_access_token(verified.claims(), origin).await)
}

/// RFC 6749 §3.1, §3.2: parameters must not come twice; what is unknown is ignored; an empty one is not there.
fn read(request: &HttpRequest, body: &[u8]) -> Result<Parameters, OauthError> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(OauthError::InvalidRequest("the body must be application/x-www-form-urlencoded"));
    }
    let mut parameters = Parameters::default();
    let mut hint = None;
    let mut seen = Vec::new();
    for (name, value) in form_urlencoded::parse(body) {
        if seen.contains(&name) {
            return Err(OauthError::InvalidRequest("a parameter is given twice"));
        }
        let place = match name.as_ref() {
            "token" => Some(&mut parameters.token),
            "client_id" => Some(&mut parameters.client_id),
            "client_secret" => Some(&mut parameters.client_secret),
            "token_type_hint" => Some(&mut hint),
            _ => None,
        };
        if let Some(place) = place.filter(|_| !value.is_empty()) {
            *place = Some(value.into_owned());
        }
        seen.push(name);
    }
    Ok(parameters)
}

/// The one client that is known here is public: it says its id, and has no secret.
fn authenticate(request: &HttpRequest, parameters: &Parameters) -> Result<(), OauthError> {
    let mut headers = request.headers().get_all(AUTHORIZATION);
    let Some(header) = headers.next() else {
        let known =
            parameters.client_id.as_deref() == Some(FIRST_PARTY_CLIENT) && parameters.client_secret.is_none();
        return if known { Ok(()) } else { Err(OauthError::InvalidClient { by_header: false }) };
    };
    let refused = OauthError::InvalidClient { by_header: true };
    let (id, secret) = match header.to_str().ok().and_then(basic) {
        Some(pair) if headers.next().is_none() => pair,
        _ => return Err(refused),
    };
    if parameters.client_secret.is_some() || parameters.client_id.as_ref().is_some_and(|named| *named != id) {
        return Err(OauthError::InvalidRequest("the client authenticates in more than one way"));
    }
    if id == FIRST_PARTY_CLIENT && secret.is_empty() { Ok(()) } else { Err(refused) }
}

/// Id and secret of a Basic header, each form-encoded (RFC 6749 §2.3.1).
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    let decode = |part: &str| {
        let mut pairs = form_urlencoded::parse(part.as_bytes());
        pairs.next().map(|(name, _)| name.into_owned()).unwrap_or_default()
    };
    Some((decode(id), decode(secret)))
}
