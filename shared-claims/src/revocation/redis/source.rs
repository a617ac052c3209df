//! The mirror over Redis: a poller that reads, and beside it a blocking read that wakes it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use redis::Value;
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

use super::RedisSettings;
use super::connection::{Abandonment, Fault, limited};
use super::follower::{Follower, Step};
use super::page::read_page;
use crate::background::until_done;
use crate::jitter::Retry;
use crate::revocation::mirror::{Mirror, MirrorSettings, MirrorState, Tasks};

/// How long the blocking read blocks. Short enough to notice a dead connection soon.
const BLOCK: Duration = Duration::from_secs(2);

impl Mirror {
    /// A mirror that follows the list in Redis. Spawns its tasks on the current tokio runtime.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn follow_redis(redis: RedisSettings, settings: MirrorSettings) -> Self {
        let state = Arc::new(MirrorState::new("redis", settings));
        let (positions, position) = watch::channel(Follower::new().position().to_owned());
        let news = Arc::new(Notify::new());
        let poller = {
            let (state, redis, news) = (Arc::clone(&state), redis.clone(), Arc::clone(&news));
            tokio::spawn(async move {
                let poll = || poll(&state, &redis, &positions, &news);
                until_done("revocation list", || state.panicked(), poll).await;
            })
        };
        let waker = {
            let state = Arc::clone(&state);
            tokio::spawn(async move {
                let wake = || wake(&state, &redis, position.clone(), &news);
                until_done("revocation news", || state.panicked(), wake).await;
            })
        };
        Self::new(state, Tasks(vec![poller.abort_handle(), waker.abort_handle()]))
    }
}

async fn poll(state: &MirrorState, redis: &RedisSettings, positions: &watch::Sender<String>, news: &Notify) {
    let mut follower = Follower::new();
    let mut retry = state.retry();
    loop {
        let Err(fault) = follow(state, redis, &mut follower, positions, news, &mut retry).await;
        state.disconnected();
        state.failed(&fault.to_string());
        state.sweep();
        sleep(retry.pause()).await;
    }
}

/// Follows over one connection until it fails.
async fn follow(
    state: &MirrorState,
    settings: &RedisSettings,
    follower: &mut Follower,
    positions: &watch::Sender<String>,
    news: &Notify,
    retry: &mut Retry,
) -> Result<Infallible, Fault> {
    let clock = &state.settings.clock;
    let mut connection = settings.connect(clock).await?;
    follower.connected(&connection.run_id);
    let mut abandonment = Abandonment::watch(settings, state.boot_ms());
    let every = Duration::from_millis((state.bound_ms() / 8).clamp(50, 500));
    loop {
        let sent_ms = state.boot_ms();
        let reading = read_page(&mut connection.redis, &settings.keys, follower.position());
        let page = limited(settings.time_limit, clock, reading).await?;
        retry.succeeded();
        let step = follower.take(&page, sent_ms, state);
        state.connected(follower.knows_epoch());
        match step {
            Step::More => continue,
            Step::Complete => state.succeeded(),
            Step::Unproven(why) => state.failed(&why.to_string()),
        }
        state.sweep();
        abandonment.observe(state.as_of_ms(), state.boot_ms())?;
        positions.send_if_modified(|known| {
            let moved = known != follower.position();
            follower.position().clone_into(known);
            moved
        });
        // Elapsed or woken: either way it is time to look.
        let _ = timeout(every, news.notified()).await;
    }
}

/// Brings news in milliseconds. Proves nothing: what it sees is read again by the poller.
async fn wake(
    state: &MirrorState,
    settings: &RedisSettings,
    mut position: watch::Receiver<String>,
    news: &Notify,
) {
    let clock = &state.settings.clock;
    let limit = BLOCK + settings.time_limit;
    let mut retry = state.retry();
    loop {
        // The poller tells of failures; here they only mean to try again.
        if let Ok(mut connection) = settings.connect(clock).await {
            loop {
                let mut read = redis::cmd("XREAD");
                read.arg("COUNT").arg(1).arg("BLOCK").arg(BLOCK.as_millis().to_string());
                read.arg("STREAMS").arg(settings.keys.events()).arg(position.borrow_and_update().as_str());
                let answer = limited(limit, clock, read.query_async::<Value>(&mut connection.redis)).await;
                if answer.is_ok() {
                    retry.succeeded();
                }
                match answer {
                    Ok(Value::Nil) => {}
                    Ok(_) => {
                        news.notify_one();
                        // Elapsed: the poller could not move; it is left in peace for as long.
                        let _ = timeout(settings.time_limit, position.changed()).await;
                    }
                    Err(_) => break,
                }
            }
        }
        sleep(retry.pause()).await;
    }
}
