//! `POST /oauth2/introspect` (RFC 7662): tells services whether a token is active, if they do not verify tokens
//! themselves. The response is plain, or a signed JWT (RFC 9701).

use actix_web::http::header::{ACCEPT, CONTENT_TYPE};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use shared_claims::claims::{Claims, Roles, SessionId, TokenId};
use shared_claims::scope::Scopes;
use shared_claims::verifier::{Verifier, VerifyError};
use utoipa::ToSchema;

use super::client_auth::{AuthenticatedClient, ClientAuth, FormCredentials};
use super::error::{OauthError, OauthErrorBody};
use super::form::OauthForm;
use crate::domain::RefreshTokenPlain;
use crate::http::caller::Caller;
use crate::keys::KeyStore;
use crate::tokens::{LiveRefreshToken, TokenError, Tokens};

/// The media type of a signed response (RFC 9701 §4). Without `application/` it is the `typ` of the JWT.
const SIGNED: &str = "application/token-introspection+jwt";
const SIGNED_TYPE: &str = "token-introspection+jwt";
/// How long a signed response can be verified at least, because its key stays published, in seconds.
const SIGNED_LIFE_S: i64 = 300;

/// The parameters. Only confidential clients are accepted. They authenticate as at the token endpoint.
#[derive(Deserialize, ToSchema)]
pub(crate) struct IntrospectRequest {
    /// An access token or a refresh token
    #[schema(value_type = String)]
    token: Option<String>,
    /// `access_token` or `refresh_token`. A refresh token is only active if this names it
    token_type_hint: Option<String>,
    client_id: Option<String>,
    #[schema(format = Password)]
    client_secret: Option<String>,
}

/// Tells a client whether a token is active that it obtained, or that is for it or one of its audiences.
#[utoipa::path(
    post,
    path = "/oauth2/introspect",
    tag = "oauth2",
    request_body(content = IntrospectRequest, content_type = "application/x-www-form-urlencoded"),
    security(("client" = [])),
    responses(
        (status = 200, description = "The state of the token; `{\"active\": false}` if it is not active or the client may not know about it. Signed (RFC 9701) if `Accept` names `application/token-introspection+jwt`", body = Introspection),
        (status = 400, description = "`invalid_request`", body = OauthErrorBody),
        (status = 401, description = "`invalid_client`", body = OauthErrorBody),
        (status = 413, description = "`invalid_request`", body = OauthErrorBody),
        (status = 429, description = "`temporarily_unavailable`", body = OauthErrorBody),
        (status = 503, description = "`temporarily_unavailable`", body = OauthErrorBody),
    )
)]
pub(crate) async fn introspect(
    request: HttpRequest,
    clients: web::Data<ClientAuth>,
    issued: web::Data<Verifier>,
    tokens: web::Data<Tokens>,
    keys: web::Data<KeyStore>,
    Caller(initiator): Caller,
    OauthForm(form): OauthForm<IntrospectRequest>,
) -> Result<HttpResponse, OauthError> {
    let credentials =
        FormCredentials { id: form.client_id.as_deref(), secret: form.client_secret.as_deref() };
    let client = clients.authenticate_confidential(&request, credentials, &initiator).await?;
    let token = form.token.as_deref().ok_or(OauthError::InvalidRequest("token is required"))?;
    // Access tokens and refresh tokens have different forms, so the hint is not needed to find a token. But a refresh
    // token is only reported as active if the hint names it: a resource server that asks about a bearer token must
    // not be told that a refresh token is active.
    let found = match RefreshTokenPlain::parse(token) {
        Some(_) if form.token_type_hint.as_deref() != Some("refresh_token") => None,
        Some(token) => {
            let policy = tokens.policy_of(client.client());
            let live = tokens.find_live_refresh_token(token, policy).await?;
            live.map(|live| Introspection::of_refresh_token(live, tokens.issuer()))
        }
        None => access_token(&clients, &issued, &client, token).await?.map(Introspection::of_access_token),
    };
    let found = found.unwrap_or_default();
    if !wants_signed(&request) {
        return Ok(HttpResponse::Ok().json(found));
    }
    let signed = SignedIntrospection::new(tokens.issuer(), client.id(), client.as_of_ms, found);
    let jwt = keys.sign_as(SIGNED_TYPE, &signed, signed.iat.saturating_add(SIGNED_LIFE_S)).await;
    let jwt = jwt.map_err(TokenError::from)?;
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, SIGNED)).body(jwt))
}

/// The claims of an access token, if it is active and the client may know about it.
async fn access_token(
    clients: &ClientAuth,
    issued: &Verifier,
    client: &AuthenticatedClient,
    token: &str,
) -> Result<Option<Claims>, OauthError> {
    let claims = match issued.verify(token).await {
        Ok(verified) => verified.into_claims(),
        Err(VerifyError::Unavailable(_)) => return Err(OauthError::TemporarilyUnavailable),
        Err(_) => return Ok(None),
    };
    let client = client.client();
    let is_for = |audience: &String| audience == client.id.as_str() || client.audiences.contains(audience);
    let may_know = claims.client_id == client.id.as_str() || claims.aud.iter().any(is_for);
    // The tokens of a disabled client are inactive at once, even before the revocation fact for them is committed.
    Ok((may_know && clients.is_active(&claims.client_id).await?).then_some(claims))
}

fn wants_signed(request: &HttpRequest) -> bool {
    let lines = request.headers().get_all(ACCEPT).filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let is_named = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case(SIGNED));
        is_named && !parts.any(|part| ["q=0", "q=0.0", "q=0.00", "q=0.000"].contains(&part))
    })
}

/// The state of a token.
#[derive(Default, Serialize, ToSchema)]
pub(crate) struct Introspection {
    active: bool,
    #[serde(skip_serializing_if = "Scopes::is_empty")]
    #[schema(value_type = Option<String>, example = "todos:read")]
    scope: Scopes,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    /// `Bearer`, or `refresh_token` for a token that gives no access by itself
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    aud: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    jti: Option<TokenId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    sid: Option<SessionId>,
    #[serde(skip_serializing_if = "Roles::is_empty")]
    #[schema(value_type = Vec<String>)]
    roles: Roles,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    amr: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<String>,
}

impl Introspection {
    fn of_access_token(claims: Claims) -> Self {
        Self {
            active: true,
            scope: claims.scope,
            client_id: Some(claims.client_id),
            username: claims.username,
            token_type: Some("Bearer"),
            exp: Some(claims.exp),
            iat: Some(claims.iat),
            nbf: claims.nbf,
            sub: Some(claims.sub),
            aud: claims.aud,
            iss: Some(claims.iss),
            jti: Some(claims.jti),
            sid: claims.sid,
            roles: claims.roles,
            auth_time: claims.auth_time,
            amr: claims.amr,
            acr: claims.acr,
        }
    }

    fn of_refresh_token(live: LiveRefreshToken, issuer: &str) -> Self {
        let LiveRefreshToken { token, session, user, scope } = live;
        Self {
            active: true,
            scope,
            client_id: Some(session.client_id),
            username: Some(user.username),
            token_type: Some("refresh_token"),
            exp: Some(token.expires_at_ms.div_euclid(1000)),
            iat: Some(token.issued_at_ms.div_euclid(1000)),
            sub: Some(user.id.to_string()),
            iss: Some(issuer.to_owned()),
            sid: Some(SessionId::from_bytes(session.id.into_bytes())),
            ..Self::default()
        }
    }
}

/// The claims of a signed response. The values of the token are inside `token_introspection`, so that the response
/// cannot be taken for a token.
#[derive(Serialize)]
struct SignedIntrospection {
    iss: String,
    aud: String,
    iat: i64,
    token_introspection: Introspection,
}

impl SignedIntrospection {
    fn new(issuer: &str, client_id: &str, now_ms: i64, found: Introspection) -> Self {
        Self {
            iss: issuer.to_owned(),
            aud: client_id.to_owned(),
            iat: now_ms.div_euclid(1000),
            token_introspection: found,
        }
    }
}
