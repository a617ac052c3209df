//! What clients and resource servers read about the issuer: its metadata at `GET /.well-known/openid-configuration`
//! (OpenID Connect Discovery 1.0) and `GET /.well-known/oauth-authorization-server` (RFC 8414), and its keys at
//! `GET /.well-known/jwks.json` (RFC 7517).

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, ContentType, ETAG, EntityTag, Header, HeaderName, HeaderValue,
    IF_NONE_MATCH, IfNoneMatch,
};
use actix_web::web::{self, Bytes, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use serde::Serialize;
use service_kit::http::{Cors, resource};
use utoipa::ToSchema;

use crate::domain::authorization_request::OFFLINE_ACCESS;
use crate::domain::{GrantType, USERINFO_CLAIMS};
use crate::keys::{JwkSet, KeyStore};
use crate::pages::Locale;
use crate::tokens::ACR_ONE_FACTOR;

/// Registers the key set, and the metadata at both well-known addresses. OpenID Connect Discovery (§4) puts the well-known path after
/// the issuer's path; RFC 8414 (§3.1) puts it before.
pub(super) fn configure(config: &mut ServiceConfig, issuer_path: &str) {
    config.service(resource("/.well-known/jwks.json").cors(Cors::AnyOrigin).get(jwks));
    for path in ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"] {
        config.service(resource(path).cors(Cors::AnyOrigin).get(metadata));
        if !issuer_path.is_empty() {
            config.service(resource(&format!("{path}{issuer_path}")).cors(Cors::AnyOrigin).get(metadata));
        }
    }
}

const BASIC: &str = "client_secret_basic";
const POST: &str = "client_secret_post";
const NONE: &str = "none";

/// The issuer's metadata as it is sent, rendered once. Cheap to clone.
#[derive(Clone, Debug)]
pub struct PublishedMetadata {
    document: Bytes,
    /// How long clients may cache this document and the key set.
    cache_control: HeaderValue,
    issuer_path: Arc<str>,
}

impl PublishedMetadata {
    /// Renders the document. Clients may cache it for `max_age_seconds`.
    ///
    /// # Errors
    /// If the metadata cannot be written as JSON.
    pub fn new(metadata: &Metadata, max_age_seconds: u32, issuer_path: &str) -> serde_json::Result<Self> {
        let cache_control = HeaderValue::try_from(format!("public, max-age={max_age_seconds}"));
        Ok(Self {
            document: serde_json::to_vec(metadata)?.into(),
            cache_control: cache_control.unwrap_or(HeaderValue::from_static("no-cache")),
            issuer_path: issuer_path.into(),
        })
    }

    /// The path of the issuer: `/id`, or an empty text.
    pub(super) fn issuer_path(&self) -> &str {
        &self.issuer_path
    }

    /// Starts a response that every origin may read and cache.
    fn response(&self, status: StatusCode) -> HttpResponseBuilder {
        const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
        let mut response = HttpResponse::build(status);
        response
            .insert_header((CACHE_CONTROL, self.cache_control.clone()))
            .insert_header((RESOURCE_POLICY, HeaderValue::from_static("cross-origin")));
        response
    }
}

/// The metadata.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "the standards have them")]
pub struct Metadata {
    #[schema(example = "http://localhost:8000")]
    issuer: String,
    jwks_uri: String,
    authorization_endpoint: String,
    /// RFC 9207
    authorization_response_iss_parameter_supported: bool,
    userinfo_endpoint: String,
    token_endpoint: String,
    token_endpoint_auth_methods_supported: Vec<&'static str>,
    revocation_endpoint: String,
    revocation_endpoint_auth_methods_supported: Vec<&'static str>,
    end_session_endpoint: String,
    introspection_endpoint: String,
    introspection_endpoint_auth_methods_supported: Vec<&'static str>,
    introspection_signing_alg_values_supported: Vec<&'static str>,
    scopes_supported: Vec<String>,
    response_types_supported: Vec<&'static str>,
    response_modes_supported: Vec<&'static str>,
    grant_types_supported: Vec<&'static str>,
    code_challenge_methods_supported: Vec<&'static str>,
    prompt_values_supported: Vec<&'static str>,
    acr_values_supported: Vec<&'static str>,
    claims_supported: Vec<&'static str>,
    claims_parameter_supported: bool,
    request_parameter_supported: bool,
    request_uri_parameter_supported: bool,
    ui_locales_supported: Vec<&'static str>,
    /// OpenID Connect Back-Channel Logout 1.0 §2.1
    backchannel_logout_supported: bool,
    backchannel_logout_session_supported: bool,
    subject_types_supported: Vec<&'static str>,
    id_token_signing_alg_values_supported: Vec<&'static str>,
}

impl Metadata {
    /// The metadata of this issuer.
    pub fn of(issuer: &str, scopes: impl Iterator<Item = impl Into<String>>) -> Self {
        Self {
            issuer: issuer.to_owned(),
            jwks_uri: format!("{issuer}/.well-known/jwks.json"),
            authorization_endpoint: format!("{issuer}/oauth2/authorize"),
            authorization_response_iss_parameter_supported: true,
            userinfo_endpoint: format!("{issuer}/oauth2/userinfo"),
            token_endpoint: format!("{issuer}/oauth2/token"),
            token_endpoint_auth_methods_supported: vec![BASIC, POST, NONE],
            revocation_endpoint: format!("{issuer}/oauth2/revoke"),
            revocation_endpoint_auth_methods_supported: vec![BASIC, POST, NONE],
            end_session_endpoint: format!("{issuer}/oauth2/logout"),
            introspection_endpoint: format!("{issuer}/oauth2/introspect"),
            introspection_endpoint_auth_methods_supported: vec![BASIC, POST],
            introspection_signing_alg_values_supported: vec!["RS256"],
            scopes_supported: scopes_supported(scopes),
            response_types_supported: vec!["code"],
            response_modes_supported: vec!["query", "form_post"],
            grant_types_supported: GrantType::ALL.map(GrantType::as_str).to_vec(),
            code_challenge_methods_supported: vec!["S256"],
            prompt_values_supported: vec!["none", "login", "consent", "select_account"],
            acr_values_supported: vec![ACR_ONE_FACTOR],
            claims_supported: claims_supported(),
            claims_parameter_supported: true,
            request_parameter_supported: false,
            request_uri_parameter_supported: false,
            ui_locales_supported: Locale::ALL.map(Locale::lang).to_vec(),
            backchannel_logout_supported: true,
            backchannel_logout_session_supported: true,
            subject_types_supported: vec!["public"],
            id_token_signing_alg_values_supported: vec!["RS256"],
        }
    }
}

/// The scopes of first-party tokens, and those of OpenID Connect that clients may have.
fn scopes_supported(scopes: impl Iterator<Item = impl Into<String>>) -> Vec<String> {
    let mut supported: Vec<String> = scopes.map(Into::into).collect();
    for scope in ["openid", "profile", "email", "address", "phone", OFFLINE_ACCESS] {
        if !supported.iter().any(|known| known == scope) {
            supported.push(scope.to_owned());
        }
    }
    supported
}

/// The claims of `id_token`s and of the userinfo response.
fn claims_supported() -> Vec<&'static str> {
    const OF_ID_TOKEN: [&str; 10] =
        ["sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "sid", "amr", "acr"];
    OF_ID_TOKEN.into_iter().chain(USERINFO_CLAIMS.into_iter().map(|(name, _)| name)).collect()
}

/// Returns the issuer's metadata.
#[utoipa::path(
    get,
    path = "/.well-known/openid-configuration",
    tag = "discovery",
    responses((status = 200, description = "The metadata", body = Metadata))
)]
pub(super) async fn metadata(published: web::Data<PublishedMetadata>) -> HttpResponse {
    let mut response = published.response(StatusCode::OK);
    response.insert_header(ContentType::json()).body(published.document.clone())
}

const JWK_SET: HeaderValue = HeaderValue::from_static("application/jwk-set+json");

/// Returns the public keys that verify tokens.
#[utoipa::path(
    get,
    path = "/.well-known/jwks.json",
    tag = "discovery",
    responses(
        (status = 200, description = "The key set", body = JwkSet),
        (status = 304, description = "The key set has not changed"),
    )
)]
pub(super) async fn jwks(
    request: HttpRequest,
    keys: web::Data<KeyStore>,
    published: web::Data<PublishedMetadata>,
) -> HttpResponse {
    let set = keys.published().await;
    // The tag is stored as it is sent, because formatting it cost as much as the rest of this handler.
    let etag = HeaderValue::from_maybe_shared(set.etag.clone()).ok();
    let is_known = request.headers().contains_key(IF_NONE_MATCH) && is_known(&request, etag.as_ref());
    let mut response = published.response(if is_known { StatusCode::NOT_MODIFIED } else { StatusCode::OK });
    if let Some(etag) = etag {
        response.insert_header((ETAG, etag));
    }
    if is_known {
        return response.finish();
    }
    response.insert_header((CONTENT_TYPE, JWK_SET)).body(set.json.clone())
}

/// Whether the caller has the document with this entity tag (RFC 9110 §13.1.2).
fn is_known(request: &HttpRequest, etag: Option<&HeaderValue>) -> bool {
    let etag = etag.and_then(|etag| etag.to_str().ok()?.parse::<EntityTag>().ok());
    match (IfNoneMatch::parse(request), etag) {
        (Ok(IfNoneMatch::Any), _) => true,
        (Ok(IfNoneMatch::Items(tags)), Some(etag)) => tags.iter().any(|tag| tag.weak_eq(&etag)),
        // An unreadable condition is ignored, and the keys are sent.
        (Ok(IfNoneMatch::Items(_)) | Err(_), _) => false,
    }
}
