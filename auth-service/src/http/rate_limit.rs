//! The headers `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10), with which a client sees the limit
//! on attempts to log in before it is reached. They speak of the budget of the caller's network alone: what is left of an
//! account's budget would tell a stranger what others did with it.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::domain::LoginBudget;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Adds both headers to a response.
pub(super) fn add(headers: &mut HeaderMap, LoginBudget { limit, left, whole_in_s }: LoginBudget) {
    // The quota, and its window in seconds; what is left of it, and the seconds until it is whole again.
    let values = [
        (POLICY, format!("\"login\";q={limit};w=60")),
        (LIMIT, format!("\"login\";r={left};t={whole_in_s}")),
    ];
    for (name, value) in values {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
}
