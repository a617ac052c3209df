//! `GET /revocations`: the feed, for verifiers without Redis.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use service_kit::database::Database;
use service_kit::http::{Query, Refusal};
use service_kit::server::Stopping;
use shared_claims::clock::SharedClock;

use super::feed_access::FeedAccess;
use crate::revocation::Revocations;
use crate::revocation::feed::{self, FeedError, FeedPage, LONGEST_WAIT, Until};

/// What the feed's endpoint needs.
#[derive(Clone)]
pub struct Feed {
    /// The truth.
    pub database: Database,
    /// Its news.
    pub revocations: Revocations,
    /// The clocks.
    pub clock: SharedClock,
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
    )
)]
pub async fn show(
    request: HttpRequest,
    feed: web::Data<Feed>,
    query: Query<FeedQuery>,
    stopping: Stopping,
) -> Result<HttpResponse, Refusal> {
    feed.access.admit(&request)?;
    let wait = Duration::from_secs(query.wait.unwrap_or(0));
    if wait > LONGEST_WAIT {
        return Err(Refusal::field("wait", format!("at most {} seconds", LONGEST_WAIT.as_secs())));
    }
    let until = Until { limit: wait, stop: stopping.wait() };
    let page =
        feed::read(&feed.database, &feed.revocations, &feed.clock, query.after.as_deref(), until).await?;
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(page))
}

impl From<FeedError> for Refusal {
    fn from(error: FeedError) -> Self {
        match error {
            FeedError::Cursor(cursor) => {
                Self::new(StatusCode::GONE, format!("{cursor}: start again without one"))
            }
            FeedError::Log(error) => error.into(),
        }
    }
}
