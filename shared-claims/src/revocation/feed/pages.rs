//! Requests pages of the feed, and tracks how far the feed was read.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL};
use serde::Deserialize;

use super::FeedSettings;
use crate::outbound;
use crate::revocation::mirror::MirrorState;
use crate::revocation::{InvalidRevocationFact, RevocationFact};

/// Four times the size of a page of ten thousand entries, which is about one megabyte.
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

/// The issuer's cursors are shorter than this.
const MAX_CURSOR_BYTES: usize = 1024;

/// A request to the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FeedRequest {
    /// The cursor. Without one, the feed sends the list from its beginning.
    pub(super) after: Option<String>,
    /// The longest time for which the feed may hold the request, seconds.
    pub(super) wait_s: u64,
}

/// The body of a response of the feed.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub(super) struct FeedPage {
    pub(super) epoch: String,
    pub(super) cursor: Cursor,
    pub(super) complete: bool,
    pub(super) entries: Vec<RevocationFact>,
}

/// Opaque to the verifier: sent back as it was received.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(untagged)]
pub(super) enum Cursor {
    Text(String),
    Number(u64),
}

impl Cursor {
    pub(super) fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => number.to_string(),
        }
    }
}

/// The response to a request.
#[derive(Debug)]
pub(super) enum FeedResponse {
    Page(FeedPage),
    /// Status 410: the cursor cannot be used any more.
    Gone,
}

/// Why a request to the feed failed. Shown in logs and status, so it must not contain secrets.
#[derive(Debug, thiserror::Error)]
pub(super) enum FeedError {
    #[error("no answer from the feed within {} ms", .0.as_millis())]
    TimedOut(Duration),
    #[error("no answer from the feed: {0}")]
    Failed(String),
    #[error("the feed answers {0}")]
    Status(StatusCode),
    #[error("the feed's answer is longer than {MAX_BODY_BYTES} bytes")]
    TooLong,
    #[error("the feed's answer cannot be read: {0}")]
    Malformed(&'static str),
}

impl From<reqwest::Error> for FeedError {
    fn from(error: reqwest::Error) -> Self {
        Self::Failed(outbound::cause(error))
    }
}

impl FeedSettings {
    pub(super) async fn send(
        &self,
        request: &FeedRequest,
        limit: Duration,
    ) -> Result<FeedResponse, FeedError> {
        tokio::time::timeout(limit, self.exchange(request)).await.unwrap_or(Err(FeedError::TimedOut(limit)))
    }

    async fn exchange(&self, feed_request: &FeedRequest) -> Result<FeedResponse, FeedError> {
        let mut url = self.url.clone();
        if let Some(after) = &feed_request.after {
            url.query_pairs_mut()
                .append_pair("after", after)
                .append_pair("wait", &feed_request.wait_s.to_string());
        }
        // A cached response would be older than its request.
        let mut request =
            self.client.get(url).header(ACCEPT, "application/json").header(CACHE_CONTROL, "no-cache");
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        let mut response = request.send().await?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::GONE => return Ok(FeedResponse::Gone),
            status => return Err(FeedError::Status(status)),
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > MAX_BODY_BYTES {
                return Err(FeedError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        parse(&body).map(FeedResponse::Page)
    }
}

pub(super) fn parse(body: &[u8]) -> Result<FeedPage, FeedError> {
    let malformed = || FeedError::Malformed("not the JSON of a feed");
    // Serde would accept invalid UTF-8 in a member that is not read, and an array of the members instead of an object.
    let text = str::from_utf8(body).map_err(|_| malformed())?;
    if !text.trim_ascii_start().starts_with('{') {
        return Err(malformed());
    }
    let page: FeedPage = serde_json::from_str(text).map_err(|_| malformed())?;
    match &page.cursor {
        Cursor::Text(text) if text.len() > MAX_CURSOR_BYTES => {
            Err(FeedError::Malformed("the cursor is too long"))
        }
        _ => Ok(page),
    }
}

/// What to do after a page.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PageOutcome {
    /// Request the next page at once.
    RequestNext,
    /// The mirror is complete: wait for new facts.
    Complete,
}

/// The position in the feed. It starts again from the beginning when the feed's database changes.
#[derive(Debug, Default)]
pub(super) struct FeedPosition {
    epoch: Option<String>,
    cursor: Option<String>,
    /// Whether the last request succeeded.
    last_succeeded: bool,
}

impl FeedPosition {
    /// The next request. Only a mirror that is up to date may let the feed hold its request.
    pub(super) fn next_request(&self, state: &MirrorState) -> FeedRequest {
        let hold_s = hold_s(state.bound_ms());
        let is_fresh = state.status().age_ms.is_some_and(|age| age <= 2 * 1_000 * hold_s + 1_000);
        let wait_s = if self.last_succeeded && is_fresh && self.cursor.is_some() { hold_s } else { 0 };
        FeedRequest { after: self.cursor.clone(), wait_s }
    }

    pub(super) fn knows_epoch(&self) -> bool {
        self.epoch.is_some()
    }

    /// Processes the response to a request sent at `sent_ms` (boot clock). If the list has several pages, the list is
    /// complete as of the last page's request: facts that were committed after an earlier request come after its
    /// cursor.
    pub(super) fn process(
        &mut self,
        page: FeedPage,
        sent_ms: i64,
        state: &MirrorState,
    ) -> Result<PageOutcome, InvalidRevocationFact> {
        let mut outcome = Ok(());
        for fact in &page.entries {
            // Well-formed facts count, even if another entry of the page is malformed.
            outcome = outcome.and(state.add(fact).inspect_err(|_| state.count_malformed()));
        }
        // The cursor does not move past a malformed entry: the same page is requested again until the entry is gone.
        outcome?;
        if self.epoch.as_ref().is_some_and(|known| *known != page.epoch) {
            self.start_again(state);
            return Ok(PageOutcome::RequestNext);
        }
        if self.epoch.replace(page.epoch).is_none() {
            state.count_list();
        }
        self.cursor = Some(page.cursor.into_text());
        if !page.complete {
            return Ok(PageOutcome::RequestNext);
        }
        state.complete_as_of(sent_ms);
        self.last_succeeded = true;
        Ok(PageOutcome::Complete)
    }

    /// The cursor cannot be used, or belongs to another database. Reads again from the beginning and keeps the known
    /// facts.
    pub(super) fn start_again(&mut self, state: &MirrorState) {
        *self = Self::default();
        state.count_resync();
    }

    /// Records that the request failed.
    pub(super) fn request_failed(&mut self) {
        self.last_succeeded = false;
    }
}

/// For how long the feed may hold a request, seconds. Between two responses the mirror's age grows to at most twice
/// this. If the staleness bound is too small for that, the feed is polled (0).
pub(super) fn hold_s(bound_ms: u64) -> u64 {
    if bound_ms < 5_000 { 0 } else { (bound_ms / 10_000).clamp(1, 3) }
}

#[cfg(test)]
mod plain_set;
#[cfg(test)]
mod tests;
