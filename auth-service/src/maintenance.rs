//! Background work: keys are read again and rotated, the end of the revocation log is watched, an interrupted disabling of
//! a client is completed, and rows that are no longer needed are removed.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::background;
use crate::clients::Administration;
use crate::keys::KeyStore;
use crate::pruning::{PruneRound, Pruner};
use crate::revocation::continuity::LogWatch;

/// How often keys are read. A change must be noticed within a second.
const KEYS_EVERY: Duration = Duration::from_millis(500);
/// How often the end of the revocation log is compared with what is known of it.
const LOG_EVERY: Duration = Duration::from_millis(500);
/// How often interrupted changes of clients are completed. They are rare.
const CLIENTS_EVERY: Duration = Duration::from_secs(5);
const PRUNE_EVERY: Duration = Duration::from_secs(60);

/// The running background tasks.
pub(crate) struct Maintenance {
    stop: watch::Sender<bool>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Maintenance {
    pub(crate) fn start(keys: KeyStore, pruner: Pruner, clients: Administration, log: LogWatch) -> Self {
        let (stop, stopped) = watch::channel(false);
        let ticks = |period| Ticks::every(period, stopped.clone());
        let tasks = vec![
            tokio::spawn(watch_log(log, keys.clone(), ticks(LOG_EVERY))),
            tokio::spawn(read_keys(keys, ticks(KEYS_EVERY))),
            tokio::spawn(prune(pruner, ticks(PRUNE_EVERY))),
            tokio::spawn(complete_disabling(clients, ticks(CLIENTS_EVERY))),
        ];
        Self { stop, tasks: Mutex::new(tasks) }
    }

    /// Stops the tasks, and waits until their current steps have ended.
    pub(crate) async fn stop(&self) {
        self.stop.send_replace(true);
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            // This is an error only if the task panicked, which was logged where it happened.
            let _ = task.await;
        }
    }
}

/// A step in each interval, until the stop.
struct Ticks {
    interval: Interval,
    stopped: watch::Receiver<bool>,
}

impl Ticks {
    fn every(period: Duration, stopped: watch::Receiver<bool>) -> Self {
        let mut interval = interval(period);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { interval, stopped }
    }

    /// Waits for the next step. Returns false at the stop.
    async fn next(&mut self) -> bool {
        tokio::select! {
            _ = self.interval.tick() => true,
            () = stop(&mut self.stopped) => false,
        }
    }
}

async fn stop(stopped: &mut watch::Receiver<bool>) {
    // An error means that nobody can stop the tasks any more, which is a stop as well.
    let _ = stopped.wait_for(|stop| *stop).await;
}

async fn read_keys(keys: KeyStore, mut ticks: Ticks) {
    let mut failed_before = false;
    while ticks.next().await {
        let Some(outcome) = background::step(keys.refresh()).await else { continue };
        // The known keys stay in use. The error is logged once and not at every attempt.
        if let Err(error) = &outcome
            && !failed_before
        {
            tracing::error!(%error, "keys.not_read");
        }
        failed_before = outcome.is_err();
    }
}

async fn watch_log(log: LogWatch, keys: KeyStore, mut ticks: Ticks) {
    let mut failed_before = false;
    while ticks.next().await {
        let read_keys = || async {
            // A failure is logged by the task that reads keys.
            keys.refresh().await.is_ok()
        };
        let Some(outcome) = background::step(log.look(read_keys)).await else { continue };
        if let Err(error) = &outcome
            && !failed_before
        {
            tracing::warn!(%error, "revocation.log.not_read");
        }
        failed_before = outcome.is_err();
    }
}

async fn prune(pruner: Pruner, mut ticks: Ticks) {
    while ticks.next().await {
        tokio::select! {
            outcome = background::step(pruner.round()) => match outcome {
                Some(Ok(PruneRound::Done(rows))) if rows > 0 => tracing::info!(rows, "prune.done"),
                Some(Err(error)) => tracing::warn!(%error, "prune.failed"),
                Some(Ok(_)) | None => {}
            },
            // The round stops between two batches. A batch that is running is completed by the database pool.
            () = stop(&mut ticks.stopped) => return,
        }
    }
}

async fn complete_disabling(clients: Administration, mut ticks: Ticks) {
    while ticks.next().await {
        match background::step(clients.complete_disabling()).await {
            Some(Ok(Some(_))) => tracing::warn!("clients.settled"),
            Some(Ok(None)) | None => {}
            Some(Err(error)) => tracing::warn!(%error, "clients.not_settled"),
        }
    }
}
