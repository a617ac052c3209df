//! `GET /revocations`: the feed, for verifiers without Redis.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, AcceptEncoding, Encoding, Header as _};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use service_kit::http::{HttpError, Query};

use super::feed_access::FeedAccess;
use crate::revocation::feed::{self, FeedError, FeedPage, LONGEST_WAIT};

/// What the feed's endpoint needs.
#[derive(Clone)]
pub struct Feed {
    /// What it answers.
    pub feed: feed::Feed,
    /// Whom it answers.
    pub access: FeedAccess,
}

/// The query of the feed.
#[derive(Clone, Debug, Deserialize)]
pub struct FeedQuery {
    after: Option<String>,
    wait: Option<u64>,
}

/// Answers with what was committed after the cursor; holds the request for as long as `wait` says where there is nothing.
#[utoipa::path(
    get,
    path = "/revocations",
    tag = "revocation",
    params(
        ("after" = Option<String>, Query, description = "The cursor of the last answer; without it, the whole list"),
        ("wait" = Option<u64>, Query, maximum = 30, description = "Seconds to hold the request for news"),
    ),
    responses(
        (status = 200, description = "The facts since the cursor", body = FeedPage),
        (status = 401, description = "The feed's token is missing or wrong"),
        (status = 403, description = "No token is set, and the request may come from elsewhere than this machine"),
        (status = 410, description = "The cursor belongs to another list: start again"),
        (status = 503, description = "The log cannot be read, or too many requests to the feed are open; with Retry-After"),
    )
)]
pub async fn show(
    request: HttpRequest,
    feed: web::Data<Feed>,
    query: Query<FeedQuery>,
) -> Result<HttpResponse, HttpError> {
    feed.access.admit(&request)?;
    let wait = Duration::from_secs(query.wait.unwrap_or(0));
    if wait > LONGEST_WAIT {
        return Err(HttpError::field("wait", format!("at most {} seconds", LONGEST_WAIT.as_secs())));
    }
    let is_packed = accepts_gzip(&request);
    let answer = feed.feed.read(query.after.as_deref(), wait).await?;
    let mut response = HttpResponse::Ok();
    response
        .content_type("application/json")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::VARY, "accept-encoding"));
    if is_packed {
        return Ok(response.insert_header((header::CONTENT_ENCODING, "gzip")).body(answer.gzip()));
    }
    Ok(response.body(answer.plain()))
}

/// Whether the answer may be compressed (RFC 9110 §12.5.3).
fn accepts_gzip(request: &HttpRequest) -> bool {
    let accepted = AcceptEncoding::parse(request).ok();
    let chosen = accepted.and_then(|accepted| {
        let offered = [Encoding::gzip(), Encoding::identity()];
        accepted.negotiate(offered.iter())
    });
    chosen == Some(Encoding::gzip())
}

impl From<FeedError> for HttpError {
    fn from(error: FeedError) -> Self {
        match error {
            FeedError::Cursor(cursor) => {
                Self::new(StatusCode::GONE, format!("{cursor}: start again without one"))
            }
            FeedError::ReadFailed | FeedError::TooManyFollowers | FeedError::NoMemory => {
                Self::unavailable(1).with_cause(error)
            }
        }
    }
}
