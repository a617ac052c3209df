//! `GET /.well-known/jwks.json` (RFC 7517).

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH};
use actix_web::{HttpRequest, HttpResponse, web};

use super::discovery::Published;
use crate::keys::{JwkSet, KeyStore};

const JWK_SET: HeaderValue = HeaderValue::from_static("application/jwk-set+json");

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
    let is_known = is_known(&request, &set.etag);
    let mut answer = published.answer(if is_known { StatusCode::NOT_MODIFIED } else { StatusCode::OK });
    answer.insert_header((ETAG, set.etag.as_str()));
    if is_known {
        return answer.finish();
    }
    answer.insert_header((CONTENT_TYPE, JWK_SET)).body(set.json.clone())
}

/// Whether `If-None-Match` contains this entity tag: compared weakly, and `*` matches any (RFC 9110 §13.1.2).
fn is_known(request: &HttpRequest, etag: &str) -> bool {
    let lines = request.headers().get_all(IF_NONE_MATCH).filter_map(|value| value.to_str().ok());
    let mut tags = lines.flat_map(|line| line.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}
