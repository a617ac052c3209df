//! The verifier's side of the revocation list in Redis. This file has the mirror: a poller that reads the stream, and
//! beside it a blocking read that wakes the poller. The lookup is in [`lookup`].

mod address;
mod connection;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod lookup;
mod settings;
mod stream;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use redis::Value;
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

pub use self::address::{InvalidRedisUrl, RedisAddress, RedisNode, RedisNotFound};
use self::connection::{ConnectionError, RenewalWatch, limited};
pub use self::lookup::RedisLookup;
pub use self::settings::RedisSettings;
use self::stream::{PageOutcome, StreamPosition, read_page};
use super::contract::MAX_CLOCK_STEP_MS;
use super::mirror::{Mirror, MirrorSettings, MirrorState, Tasks};
use crate::background::until_done;
use crate::jitter::Retry;

/// How long the blocking read blocks. Short enough to notice a dead connection soon.
const BLOCK: Duration = Duration::from_secs(2);

impl Mirror {
    /// A mirror that follows the list in Redis. Spawns its tasks on the current tokio runtime.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn follow_redis(redis: RedisSettings, settings: MirrorSettings) -> Self {
        let state = Arc::new(MirrorState::new("redis", settings));
        let (last_ids, last_id) = watch::channel(StreamPosition::new().last_id().to_owned());
        let news = Arc::new(Notify::new());
        let poller = {
            let (state, redis, news) = (Arc::clone(&state), redis.clone(), Arc::clone(&news));
            tokio::spawn(async move {
                let poll = || poll(&state, &redis, &last_ids, &news);
                until_done("revocation list", || state.panicked(), poll).await;
            })
        };
        let waker = {
            let state = Arc::clone(&state);
            tokio::spawn(async move {
                let wake = || wake(&state, &redis, last_id.clone(), &news);
                until_done("revocation news", || state.panicked(), wake).await;
            })
        };
        Self::new(state, Tasks(vec![poller.abort_handle(), waker.abort_handle()]))
    }
}

async fn poll(state: &MirrorState, redis: &RedisSettings, last_ids: &watch::Sender<String>, news: &Notify) {
    let mut position = StreamPosition::new();
    let mut retry = state.retry();
    loop {
        let Err(error) = follow(state, redis, &mut position, last_ids, news, &mut retry).await;
        state.disconnected();
        state.failed(&error.to_string());
        state.sweep();
        sleep(retry.pause()).await;
    }
}

/// Follows over one connection until it fails.
async fn follow(
    state: &MirrorState,
    settings: &RedisSettings,
    position: &mut StreamPosition,
    last_ids: &watch::Sender<String>,
    news: &Notify,
    retry: &mut Retry,
) -> Result<Infallible, ConnectionError> {
    let clock = &state.settings.clock;
    let mut connection = settings.connect(clock).await?;
    position.connected(&connection.run_id);
    let mut renewal_watch = RenewalWatch::start(settings, state.boot_ms());
    let every = Duration::from_millis((state.bound_ms() / 8).clamp(50, 500));
    loop {
        let sent_ms = state.boot_ms();
        let reading = read_page(&mut connection.redis, &settings.keys, position.last_id());
        let page = limited(settings.time_limit, clock, reading).await?;
        retry.succeeded();
        let outcome = position.process(&page, sent_ms, state);
        state.connected(position.knows_epoch());
        match outcome {
            PageOutcome::ReadNext => continue,
            PageOutcome::Complete => state.succeeded(),
            PageOutcome::Unproven(why) => state.failed(&why.to_string()),
        }
        state.sweep();
        renewal_watch.observe(state.as_of_ms(), state.boot_ms())?;
        last_ids.send_if_modified(|known| {
            let moved = known != position.last_id();
            position.last_id().clone_into(known);
            moved
        });
        // The list is read again after this pause, or as soon as there is news.
        let _ = timeout(every, news.notified()).await;
    }
}

/// Wakes the poller within milliseconds when the stream has a new entry. It proves nothing: the poller reads the entry
/// again.
async fn wake(
    state: &MirrorState,
    settings: &RedisSettings,
    mut last_id: watch::Receiver<String>,
    news: &Notify,
) {
    let clock = &state.settings.clock;
    let limit = BLOCK + settings.time_limit;
    let mut retry = state.retry();
    loop {
        // The poller reports failures. Here they only lead to another attempt.
        if let Ok(mut connection) = settings.connect(clock).await {
            loop {
                let mut read = redis::cmd("XREAD");
                read.arg("COUNT").arg(1).arg("BLOCK").arg(BLOCK.as_millis().to_string());
                read.arg("STREAMS").arg(settings.keys.events()).arg(last_id.borrow_and_update().as_str());
                let response = limited(limit, clock, read.query_async::<Value>(&mut connection.redis)).await;
                if response.is_ok() {
                    retry.succeeded();
                }
                match response {
                    Ok(Value::Nil) => {}
                    Ok(_) => {
                        news.notify_one();
                        // The poller may be unable to read the entry. It is not woken again before the time limit.
                        let _ = timeout(settings.time_limit, last_id.changed()).await;
                    }
                    Err(_) => break,
                }
            }
        }
        sleep(retry.pause()).await;
    }
}

/// For how long the list has been complete by Redis's `TIME`, milliseconds; `None` if `as_of` lies in the future.
fn age_at_source(time_ms: i64, as_of_ms: i64) -> Option<i64> {
    let age = time_ms.saturating_sub(as_of_ms);
    (age >= -MAX_CLOCK_STEP_MS).then(|| age.max(0))
}
