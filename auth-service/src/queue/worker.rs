//! The worker: claims messages that are due, and has their handlers send them.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use service_kit::database::DatabaseError;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::{Delivery, Handler, Outcome, Queue};
use crate::background;
use crate::domain::{AfterFailure, QueuedMessage, stored_error};
use crate::storage::queue::{self, Claim, KindRules};

/// The most messages that a replica sends at a time. A lane has at most a few of them, so that receivers that answer slowly
/// leave room for others.
const MOST_AT_A_TIME: usize = 64;
/// How often the queue is looked at without being woken: another process may have written a message, and pauses end.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often messages are counted for metrics, in milliseconds.
const COUNT_EVERY_MS: u64 = 15_000;
/// How much longer than a try a claim lasts: for the clocks of replicas, which may differ, and for the database, in
/// milliseconds.
const LEASE_MARGIN_MS: i64 = 5_000;
/// After so many tries a message is given up at once. It is reached only if each try ends the process.
const MOST_TRIES: i64 = 1_000;
/// How often the outcome of a try is written, if the database fails, and the pause before it is written again.
const WRITE_TRIES: usize = 3;
const WRITE_PAUSE: Duration = Duration::from_millis(200);

/// The running worker of a replica.
pub struct Worker {
    stop: watch::Sender<bool>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Worker {
    /// Starts to send messages, each kind by its handler.
    pub fn start(queue: &Queue, handlers: Vec<Arc<dyn Handler>>) -> Self {
        for handler in &handlers {
            queue.status().add_kind(handler.kind());
        }
        let kinds = handlers.iter().map(|handler| rules_of(handler.as_ref())).collect();
        let (stop, stopped) = watch::channel(false);
        let sender = Sender { queue: queue.clone(), handlers: handlers.into(), kinds };
        let task = tokio::spawn(sender.run(stopped));
        Self { stop, task: Mutex::new(Some(task)) }
    }

    /// Claims no more messages, and waits until the tries that are running have ended. Each has a bound.
    pub async fn stop(&self) {
        self.stop.send_replace(true);
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            // This is an error only if the task panicked, which was logged where it happened.
            let _ = task.await;
        }
    }
}

fn rules_of(handler: &dyn Handler) -> KindRules {
    let limit_ms = i64::try_from(handler.time_limit().as_millis()).unwrap_or(i64::MAX);
    KindRules {
        kind: handler.kind(),
        most_at_a_time: handler.most_at_a_time(),
        keeps_order: handler.keeps_order(),
        lease_ms: limit_ms.saturating_add(LEASE_MARGIN_MS),
    }
}

#[derive(Clone)]
struct Sender {
    queue: Queue,
    handlers: Arc<[Arc<dyn Handler>]>,
    kinds: Arc<[KindRules]>,
}

impl Sender {
    async fn run(self, mut stopped: watch::Receiver<bool>) {
        let mut running = JoinSet::new();
        let mut counted_at_ms: Option<u64> = None;
        let mut failed_before = false;
        loop {
            while running.try_join_next().is_some() {}
            let free = MOST_AT_A_TIME.saturating_sub(running.len());
            let claimed = background::step(self.claim(free)).await;
            if let Some(Err(error)) = &claimed
                && !failed_before
            {
                tracing::warn!(%error, "queue.not_read");
            }
            failed_before = !matches!(claimed, Some(Ok(_)));
            for message in claimed.and_then(Result::ok).unwrap_or_default() {
                running.spawn(self.clone().attempt(message));
            }
            let now_ms = self.queue.inner.clock.boot_ms();
            if counted_at_ms.is_none_or(|at_ms| now_ms.saturating_sub(at_ms) >= COUNT_EVERY_MS) {
                counted_at_ms = Some(now_ms);
                self.count().await;
            }
            tokio::select! {
                _ = stopped.wait_for(|stop| *stop) => break,
                () = self.queue.inner.wake.notified() => {}
                Some(_) = running.join_next(), if !running.is_empty() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
        while running.join_next().await.is_some() {}
    }

    /// Claims messages that are due. While none is, this only reads.
    async fn claim(&self, most: usize) -> Result<Vec<QueuedMessage>, DatabaseError> {
        let inner = &self.queue.inner;
        if most == 0 || inner.is_paused.as_ref().is_some_and(|is_paused| is_paused()) {
            return Ok(Vec::new());
        }
        let now_ms = inner.clock.now_ms();
        let next_ms = inner.database.read(queue::next_due_ms).await?;
        if next_ms.is_none_or(|next_ms| next_ms > now_ms) {
            return Ok(Vec::new());
        }
        let (holder, kinds, clock) = (inner.holder.clone(), Arc::clone(&self.kinds), inner.clock.clone());
        let claimed = inner.database.write(move |conn| {
            queue::claim(conn, &Claim { holder: &holder, kinds: &kinds, most, now_ms: clock.now_ms() })
        });
        claimed.await
    }

    async fn count(&self) {
        let depths = self.queue.inner.database.read(queue::depths).await;
        if let Ok(depths) = depths {
            self.queue.status().set_depths(&depths);
        }
    }

    /// Tries to send a message, and writes what came of it.
    async fn attempt(self, message: QueuedMessage) {
        let Some(handler) = self.handlers.iter().find(|handler| handler.kind() == message.kind) else {
            return;
        };
        let sending = async {
            if message.tries > MOST_TRIES {
                Delivery::Failed("tried too often".to_owned())
            } else {
                send(handler.as_ref(), &message).await
            }
        };
        let delivery = sending.await;
        let id = message.id;
        let outcome = self.settle(message, delivery).await;
        self.queue.status().count(handler.kind(), outcome);
        self.queue.inner.first_tries.note(id);
    }

    /// Deletes the message, plans the next try, or gives it up.
    async fn settle(&self, message: QueuedMessage, delivery: Delivery) -> Outcome {
        let inner = &self.queue.inner;
        let now_ms = inner.clock.now_ms();
        let [random] = inner.random.bytes();
        let (id, kind, tries) = (message.id, message.kind.clone(), message.tries);
        let (outcome, error, retry_at_ms) = match delivery {
            Delivery::Delivered => (Outcome::Delivered, String::new(), now_ms),
            Delivery::Pointless(reason) => (Outcome::Dropped, reason.to_owned(), now_ms),
            Delivery::Refused(error) => (Outcome::GivenUp, stored_error(&error), now_ms),
            Delivery::Failed(error) => match message.after_failure(now_ms, random) {
                AfterFailure::RetryAt(at_ms) if tries <= MOST_TRIES => {
                    (Outcome::Retried, stored_error(&error), at_ms)
                }
                AfterFailure::RetryAt(_) | AfterFailure::GiveUp => {
                    (Outcome::GivenUp, stored_error(&error), now_ms)
                }
            },
        };
        match outcome {
            Outcome::Delivered => tracing::debug!(%id, kind, tries, "queue.delivered"),
            Outcome::Retried => tracing::info!(%id, kind, tries, error, "queue.retried"),
            Outcome::GivenUp => tracing::warn!(%id, kind, tries, error, "queue.given_up"),
            Outcome::Dropped => tracing::info!(%id, kind, tries, reason = error, "queue.dropped"),
        }
        let written = move |message: QueuedMessage, error: String| {
            inner.database.write(move |conn| match outcome {
                Outcome::Delivered | Outcome::Dropped => queue::delete(conn, message.id).map(drop),
                Outcome::Retried => queue::retry_at(conn, &message, retry_at_ms, &error),
                Outcome::GivenUp => queue::give_up(conn, &message, now_ms, &error),
            })
        };
        for _ in 0..WRITE_TRIES {
            match written(message.clone(), error.clone()).await {
                Ok(()) => return outcome,
                // If this fails to the end, the claim expires, and the message is sent again.
                Err(error) => tracing::warn!(%id, kind, %error, "queue.not_settled"),
            }
            tokio::time::sleep(WRITE_PAUSE).await;
        }
        outcome
    }
}

/// One try, which ends within its limit, and which a panic does not take the worker down with.
async fn send(handler: &dyn Handler, message: &QueuedMessage) -> Delivery {
    let sending = AssertUnwindSafe(handler.send(message.clone())).catch_unwind();
    match tokio::time::timeout(handler.time_limit(), sending).await {
        Ok(Ok(delivery)) => delivery,
        Ok(Err(_panic)) => Delivery::Failed("panicked".to_owned()),
        Err(_) => Delivery::Failed("took too long".to_owned()),
    }
}
