//! The mirror over the feed: one request after the other, held by the issuer while there is no news.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::FeedSettings;
use super::follower::{Follower, Step, hold_s};
use super::wire::{Answer, Fault};
use crate::background::until_done;
use crate::revocation::mirror::{Mirror, MirrorSettings, MirrorState, Tasks};

/// Between two answers that brought nothing, on the average.
const PAUSE: Duration = Duration::from_millis(250);

/// How much earlier than asked for an answer without news counts as held to its end, milliseconds.
const EARLY_MS: i64 = 250;

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
    let mut retry = state.retry();
    loop {
        let done = ask(state, feed, &mut follower).await;
        state.sweep();
        match done {
            Ok(next) => {
                retry.succeeded();
                if next == Next::Later {
                    sleep(state.settings.jitter.around(pause)).await;
                }
            }
            Err(fault) => {
                follower.failed();
                state.failed(&fault.to_string());
                sleep(retry.pause()).await;
            }
        }
    }
}

/// When to ask again after an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Now,
    Later,
}

/// One request and its answer.
async fn ask(state: &MirrorState, feed: &FeedSettings, follower: &mut Follower) -> Result<Next, Fault> {
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
            return Ok(Next::Now);
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
    // An issuer that answers at once and without news is not asked without end; and one that stops lets all of its followers
    // go in one moment, who should not meet again at another replica.
    let was_held =
        query.wait_s > 0 && took_ms >= i64::try_from(query.wait_s * 1_000).unwrap_or(i64::MAX) - EARLY_MS;
    let may_wait = query.wait_s == 0 && hold_s(state.bound_ms()) > 0 && step == Step::Complete;
    Ok(if news || was_held || may_wait { Next::Now } else { Next::Later })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use tokio::sync::mpsc;

    use super::*;
    use crate::jitter::Jitter;

    /// Whoever draws the same shares comes back in the same moments, so each failure draws one of its own.
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
