//! The mirror over the feed: one request after the other, held by the issuer while there is no news.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::FeedSettings;
use super::follower::{Follower, Step, hold_s};
use super::wire::{Answer, Fault};
use crate::background::until_done;
use crate::revocation::mirror::{Mirror, MirrorSettings, MirrorState, Tasks};

/// Between an error and the next try, and between two answers that brought nothing.
const PAUSE: Duration = Duration::from_millis(250);

/// How long an answer may take, beyond the time for which the request is held.
const LIMIT: Duration = Duration::from_secs(1);

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
    let mut follower = Follower::default();
    let pause = PAUSE.min(Duration::from_millis((state.bound_ms() / 8).max(50)));
    loop {
        let done = ask(state, feed, &mut follower).await;
        state.sweep();
        match done {
            Ok(true) => {}
            Ok(false) => sleep(pause).await,
            Err(fault) => {
                follower.failed();
                state.failed(&fault.to_string());
                sleep(pause).await;
            }
        }
    }
}

/// One request and its answer. Says whether to ask on at once.
async fn ask(state: &MirrorState, feed: &FeedSettings, follower: &mut Follower) -> Result<bool, Fault> {
    let query = follower.next(state);
    let limit = Duration::from_secs(query.wait_s) + LIMIT;
    let sent_ms = state.boot_ms();
    let answer = feed.ask(&query, limit).await.inspect_err(|_| state.disconnected())?;
    let took_ms = state.boot_ms().saturating_sub(sent_ms);
    if took_ms > i64::try_from(limit.as_millis()).unwrap_or(i64::MAX) {
        return Err(Fault::TimedOut(limit));
    }
    let page = match answer {
        Answer::Page(page) => page,
        Answer::Gone if query.after.is_some() => {
            follower.start_again(state);
            return Ok(true);
        }
        Answer::Gone => return Err(Fault::Refused(reqwest::StatusCode::GONE)),
    };
    let news = !page.entries.is_empty();
    let taken = follower.take(page, sent_ms, state);
    state.connected(follower.knows_epoch());
    let step = taken.map_err(|_| Fault::Malformed("an entry is malformed, and may hide a revocation"))?;
    if step == Step::Complete {
        state.succeeded();
    }
    // An issuer that answers at once and without news is not asked without end.
    let was_held = query.wait_s > 0 && took_ms >= 250;
    Ok(news || was_held || (query.wait_s == 0 && hold_s(state.bound_ms()) > 0 && step == Step::Complete))
}
