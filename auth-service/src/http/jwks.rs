//! `GET /.well-known/jwks.json` (RFC 7517).

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, ETag, EntityTag, Header, HeaderValue, IfNoneMatch};
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
    let etag = EntityTag::new_strong(set.etag.clone());
    let is_known = match IfNoneMatch::parse(&request) {
        Ok(IfNoneMatch::Any) => true,
        // RFC 9110 §13.1.2: compared weakly.
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|tag| tag.weak_eq(&etag)),
        // A condition that cannot be read is no reason to keep the keys back.
        Err(_) => false,
    };
    let mut answer = published.answer(if is_known { StatusCode::NOT_MODIFIED } else { StatusCode::OK });
    answer.insert_header(ETag(etag));
    if is_known {
        return answer.finish();
    }
    answer.insert_header((CONTENT_TYPE, JWK_SET)).body(set.json.clone())
}
