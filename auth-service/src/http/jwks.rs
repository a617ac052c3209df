//! `GET /.well-known/jwks.json` (RFC 7517).

use actix_web::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, ETAG, HeaderName, IF_NONE_MATCH};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};

use super::discovery::Published;
use crate::keys::{JwkSet, KeyStore};

/// Gives the keys that tokens are verified with.
#[utoipa::path(
    get,
    path = "/.well-known/jwks.json",
    tag = "discovery",
    responses(
        (status = 200, description = "The key set", body = JwkSet),
        (status = 304, description = "It is the one that the client has"),
    )
)]
pub(super) async fn show(
    request: HttpRequest,
    keys: web::Data<KeyStore>,
    published: web::Data<Published>,
) -> HttpResponse {
    let set = keys.published().await;
    let mut answer =
        if is_known(&request, &set.etag) { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    public(&mut answer, published.max_age_seconds);
    answer.insert_header((ETAG, set.etag.clone()));
    if is_known(&request, &set.etag) {
        return answer.finish();
    }
    answer.content_type("application/jwk-set+json").body(set.json.clone())
}

/// RFC 9110 §13.1.2: compared weakly; `*` is whatever there is.
fn is_known(request: &HttpRequest, etag: &str) -> bool {
    let lines = request.headers().get_all(IF_NONE_MATCH).filter_map(|value| value.to_str().ok());
    let mut tags = lines.flat_map(|line| line.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

/// Headers of what anybody may read and keep, scripts of any origin included.
pub(super) fn public(answer: &mut HttpResponseBuilder, max_age_seconds: u32) {
    const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
    answer
        .insert_header((CACHE_CONTROL, format!("public, max-age={max_age_seconds}")))
        .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .insert_header((RESOURCE_POLICY, "cross-origin"));
}
