//! The mirror over the issuer's feed (`GET /revocations`): one request after the other. The issuer holds a request while
//! there is no news.

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod pages;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use self::pages::{FeedError, FeedPosition, FeedResponse, PageOutcome, hold_s};
pub use self::settings::{FeedSettings, InvalidFeedToken, InvalidFeedUrl};
use super::mirror::{Mirror, MirrorSettings, MirrorState, Tasks};
use crate::background::until_done;

/// The average pause between two requests whose responses brought nothing new.
const PAUSE: Duration = Duration::from_millis(250);

/// A response without news counts as held to the end of its wait if it comes at most this much earlier, milliseconds.
const EARLY_MS: i64 = 250;

/// How long a response may take, beyond the time for which the request is held.
const RESPONSE_LIMIT: Duration = Duration::from_secs(1);

impl Mirror {
    /// A mirror that follows the issuer's feed. Spawns its task on the current tokio runtime.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn follow_feed(feed: FeedSettings, settings: MirrorSettings) -> Self {
        let state = Arc::new(MirrorState::new("feed", settings));
        let task = {
            let state = Arc::clone(&state);
            tokio::spawn(async move {
                until_done("revocation feed", || state.panicked(), || follow(&state, &feed)).await;
            })
        };
        Self::new(state, Tasks(vec![task.abort_handle()]))
    }
}

async fn follow(state: &MirrorState, feed: &FeedSettings) {
    let mut position = FeedPosition::default();
    let pause = PAUSE.min(Duration::from_millis((state.bound_ms() / 8).max(50)));
    let mut retry = state.retry();
    loop {
        let done = request_page(state, feed, &mut position).await;
        state.sweep();
        match done {
            Ok(next) => {
                retry.succeeded();
                if next == NextRequest::AfterPause {
                    sleep(state.settings.jitter.around(pause)).await;
                }
            }
            Err(error) => {
                position.request_failed();
                state.failed(&error.to_string());
                sleep(retry.pause()).await;
            }
        }
    }
}

/// When to send the next request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum NextRequest {
    AtOnce,
    AfterPause,
}

/// Sends one request and processes the response.
async fn request_page(
    state: &MirrorState,
    feed: &FeedSettings,
    position: &mut FeedPosition,
) -> Result<NextRequest, FeedError> {
    let request = position.next_request(state);
    let limit = Duration::from_secs(request.wait_s) + RESPONSE_LIMIT;
    let sent_ms = state.boot_ms();
    let response = feed.send(&request, limit).await.inspect_err(|_| state.disconnected())?;
    let took_ms = state.boot_ms().saturating_sub(sent_ms);
    if took_ms > i64::try_from(limit.as_millis()).unwrap_or(i64::MAX) {
        return Err(FeedError::TimedOut(limit));
    }
    let page = match response {
        FeedResponse::Page(page) => page,
        FeedResponse::Gone if request.after.is_some() => {
            position.start_again(state);
            return Ok(NextRequest::AtOnce);
        }
        FeedResponse::Gone => return Err(FeedError::Status(reqwest::StatusCode::GONE)),
    };
    let has_news = !page.entries.is_empty();
    let processed = position.process(page, sent_ms, state);
    state.connected(position.knows_epoch());
    let outcome =
        processed.map_err(|_| FeedError::Malformed("an entry is malformed, and may hide a revocation"))?;
    if outcome == PageOutcome::Complete {
        state.succeeded();
    }
    // The pause has two reasons. An issuer that answers at once and without news must not be asked without end. And an
    // issuer that stops releases all its followers in the same moment; they should not all reach another replica at once.
    let was_held =
        request.wait_s > 0 && took_ms >= i64::try_from(request.wait_s * 1_000).unwrap_or(i64::MAX) - EARLY_MS;
    let may_be_held_next =
        request.wait_s == 0 && hold_s(state.bound_ms()) > 0 && outcome == PageOutcome::Complete;
    let at_once = has_news || was_held || may_be_held_next;
    Ok(if at_once { NextRequest::AtOnce } else { NextRequest::AfterPause })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use tokio::sync::mpsc;

    use super::*;
    use crate::jitter::Jitter;

    /// Verifiers with the same random pauses would come back in the same moments, so each failure draws a new pause.
    #[tokio::test]
    async fn every_failure_draws_its_pause() {
        let (tell, mut pauses) = mpsc::unbounded_channel();
        let jitter = Jitter::by(move || {
            let _ = tell.send(());
            0.0
        });
        let settings = MirrorSettings { jitter, ..MirrorSettings::default() };
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let feed = FeedSettings::new(&format!("http://{nobody}/revocations")).unwrap();
        let mirror = Mirror::follow_feed(feed, settings);
        for failures in 1..=5 {
            let drawn = tokio::time::timeout(Duration::from_secs(20), pauses.recv()).await;
            assert_eq!(drawn, Ok(Some(())));
            assert!(mirror.status().errors >= failures, "{:?}", mirror.status());
        }
    }
}
