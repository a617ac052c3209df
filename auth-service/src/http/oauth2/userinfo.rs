//! `/oauth2/userinfo` (OpenID Connect Core §5.3): the claims about the person that an access token is for.

use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use serde::Serialize;
use service_kit::http::BODY_LIMIT;
use shared_claims::verifier::{Verifier, VerifyError};
use uuid::Uuid;

use crate::tokens::Tokens;

/// The scope that a token needs.
const OPENID: &str = "openid";

/// An error of a protected resource (RFC 6750 §3.1), with the body of the OAuth endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UserinfoError {
    /// No token was presented.
    NoToken,
    /// The request is malformed.
    InvalidRequest(&'static str),
    /// The token is not valid, or not for this issuer.
    InvalidToken,
    /// The token does not have the scope `openid`.
    InsufficientScope,
    /// It cannot be known at the moment whether the token is valid.
    Unavailable,
    /// Reading the claims failed.
    ServerError,
}

#[derive(Serialize)]
struct Body {
    error: &'static str,
    error_description: &'static str,
}

impl UserinfoError {
    fn parts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::NoToken => (StatusCode::UNAUTHORIZED, "invalid_token", "an access token is required"),
            Self::InvalidRequest(what) => (StatusCode::BAD_REQUEST, "invalid_request", what),
            Self::InvalidToken => (
                StatusCode::UNAUTHORIZED,
                "invalid_token",
                "the access token is invalid, expired or revoked, or not for this endpoint",
            ),
            Self::InsufficientScope => {
                (StatusCode::FORBIDDEN, "insufficient_scope", "the access token needs the scope openid")
            }
            Self::Unavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", "try again shortly")
            }
            Self::ServerError => {
                (StatusCode::INTERNAL_SERVER_ERROR, "server_error", "the request failed, try again later")
            }
        }
    }

    fn response(self) -> HttpResponse {
        let (status, error, error_description) = self.parts();
        let mut response = HttpResponse::build(status);
        response.insert_header((CACHE_CONTROL, "no-store"));
        let challenge = match self {
            // RFC 6750 §3: without authentication information there is no error code.
            Self::NoToken => Some("Bearer realm=\"latchkey\"".to_owned()),
            Self::InvalidRequest(_) | Self::InvalidToken => {
                Some(format!("Bearer realm=\"latchkey\", error=\"{error}\""))
            }
            Self::InsufficientScope => {
                Some(format!("Bearer realm=\"latchkey\", error=\"{error}\", scope=\"{OPENID}\""))
            }
            Self::Unavailable | Self::ServerError => None,
        };
        if let Some(challenge) = challenge {
            response.insert_header((WWW_AUTHENTICATE, challenge));
        }
        if self == Self::Unavailable {
            response.insert_header((RETRY_AFTER, "1"));
        }
        response.json(Body { error, error_description })
    }
}

/// Returns the claims about the person that the token's scope covers. A `POST` may have the token in its body.
#[utoipa::path(
    get,
    path = "/oauth2/userinfo",
    tag = "oauth2",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The claims, `sub` among them", body = serde_json::Value),
        (status = 401, description = "`invalid_token`"),
        (status = 403, description = "`insufficient_scope`"),
    )
)]
pub(crate) async fn show(
    request: HttpRequest,
    issued: web::Data<Verifier>,
    tokens: web::Data<Tokens>,
    payload: web::Payload,
) -> HttpResponse {
    let answer = async {
        let token = presented(&request, payload).await?;
        claims(&token, &issued, &tokens).await
    };
    answer.await.unwrap_or_else(UserinfoError::response)
}

async fn claims(token: &str, issued: &Verifier, tokens: &Tokens) -> Result<HttpResponse, UserinfoError> {
    let verified = issued.verify(token).await.map_err(|error| match error {
        VerifyError::Unavailable(_) => UserinfoError::Unavailable,
        _ => UserinfoError::InvalidToken,
    })?;
    // A token in a client's own name is about no person. No scope would change that.
    let user_id: Uuid = verified.sub.parse().map_err(|_| UserinfoError::InvalidToken)?;
    if !verified.aud.iter().any(|audience| audience == tokens.issuer()) {
        // A token without `openid` is not for this endpoint; the scope is what the client can change.
        let error = if verified.scope.contains(OPENID) {
            UserinfoError::InvalidToken
        } else {
            UserinfoError::InsufficientScope
        };
        return Err(error);
    }
    if !verified.scope.contains(OPENID) {
        return Err(UserinfoError::InsufficientScope);
    }
    let session_id = verified.sid.map(|sid| Uuid::from_bytes(*sid.as_bytes()));
    match tokens.userinfo(user_id, session_id, verified.scope.clone()).await {
        Ok(Some(claims)) => Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(claims)),
        Ok(None) => Err(UserinfoError::InvalidToken),
        Err(error) if error.is_transient() => Err(UserinfoError::Unavailable),
        Err(error) => {
            tracing::error!(%error, "userinfo.failed");
            Err(UserinfoError::ServerError)
        }
    }
}

/// The access token: in the `Authorization` header, or in the body of a form (RFC 6750 §2.1 and §2.2), but not in both.
async fn presented(request: &HttpRequest, payload: web::Payload) -> Result<String, UserinfoError> {
    const TWICE: UserinfoError = UserinfoError::InvalidRequest("the access token was sent more than once");
    let mut headers = request.headers().get_all(AUTHORIZATION);
    let header = match (headers.next(), headers.next()) {
        (None, _) => None,
        (Some(header), None) => {
            let text = header.to_str().map_err(|_| UserinfoError::InvalidToken)?;
            let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
            if !scheme.eq_ignore_ascii_case("bearer") {
                return Err(UserinfoError::NoToken);
            }
            Some(token.trim_start().to_owned())
        }
        (Some(_), Some(_)) => return Err(TWICE),
    };
    let is_form = request.content_type().eq_ignore_ascii_case("application/x-www-form-urlencoded");
    let in_body = if is_form {
        let Ok(Ok(body)) = payload.to_bytes_limited(BODY_LIMIT).await else {
            return Err(UserinfoError::InvalidRequest("the body cannot be read or is larger than 64 KiB"));
        };
        let fields = url::form_urlencoded::parse(&body);
        fields.filter(|(name, _)| name == "access_token").map(|(_, value)| value.into_owned()).collect()
    } else {
        Vec::new()
    };
    match (header, in_body.as_slice()) {
        (Some(token), []) => Ok(token),
        (None, [token]) => Ok(token.clone()),
        (None, []) => Err(UserinfoError::NoToken),
        (_, _) => Err(TWICE),
    }
}
