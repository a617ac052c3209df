//! Background work: keys are read again and rotated, an interrupted disabling of a client is completed, and rows that
//! are no longer needed are removed.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::background;
use crate::clients::Administration;
use crate::keys::KeyStore;
use crate::pruning::{PruneRound, Pruner};

/// How often keys are read. A change must be noticed within a second.
const KEYS_EVERY: Duration = Duration::from_millis(500);
/// How often interrupted changes of clients are completed. They are rare.
const CLIENTS_EVERY: Duration = Duration::from_secs(5);
const PRUNE_EVERY: Duration = Duration::from_secs(60);

/// The running background tasks.
pub(crate) struct Maintenance {
    stop: watch::Sender<bool>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Maintenance {
    pub(crate) fn start(keys: KeyStore, pruner: Pruner, clients: Administration) -> Self {
        let (stop, stopped) = watch::channel(false);
        let tasks = vec![
            tokio::spawn(read_keys(keys, stopped.clone())),
            tokio::spawn(prune(pruner, stopped.clone())),
            tokio::spawn(complete_disabling(clients, stopped)),
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

async fn read_keys(keys: KeyStore, mut stopped: watch::Receiver<bool>) {
    let mut ticks = interval(KEYS_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failed_before = false;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stopped.wait_for(|stop| *stop) => return,
        }
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

async fn prune(pruner: Pruner, mut stopped: watch::Receiver<bool>) {
    let mut ticks = interval(PRUNE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stopped.wait_for(|stop| *stop) => return,
        }
        tokio::select! {
            outcome = background::step(pruner.round()) => match outcome {
                Some(Ok(PruneRound::Done(rows))) if rows > 0 => tracing::info!(rows, "prune.done"),
                Some(Err(error)) => tracing::warn!(%error, "prune.failed"),
                Some(Ok(_)) | None => {}
            },
            // The round stops between two batches. A batch that is running is completed by the database pool.
            _ = stopped.wait_for(|stop| *stop) => return,
        }
    }
}

async fn complete_disabling(clients: Administration, mut stopped: watch::Receiver<bool>) {
    let mut ticks = interval(CLIENTS_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stopped.wait_for(|stop| *stop) => return,
        }
        match background::step(clients.complete_disabling()).await {
            Some(Ok(Some(_))) => tracing::warn!("clients.settled"),
            Some(Ok(None)) | None => {}
            Some(Err(error)) => tracing::warn!(%error, "clients.not_settled"),
        }
    }
}
