//! What is done beside requests: keys are read again and rotated, what a command left half done is finished, and what no
//! longer matters is forgotten.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::background;
use crate::clients::Administration;
use crate::keys::KeyStore;
use crate::pruning::{Pruner, Round};
use crate::revocation::Revocations;

/// Twice in the second within which a change must be noticed.
const KEYS_EVERY: Duration = Duration::from_millis(500);
/// A command that dies between two steps is no daily event.
const CLIENTS_EVERY: Duration = Duration::from_secs(5);
const PRUNE_EVERY: Duration = Duration::from_secs(60);

/// The running work; it ends when told to, or with the process.
pub(crate) struct Maintenance {
    stop: watch::Sender<bool>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Maintenance {
    pub(crate) fn start(
        keys: KeyStore,
        pruner: Pruner,
        clients: Administration,
        revocations: Revocations,
    ) -> Self {
        let (stop, stopped) = watch::channel(false);
        let tasks = vec![
            tokio::spawn(read_keys(keys, stopped.clone())),
            tokio::spawn(prune(pruner, stopped.clone())),
            tokio::spawn(settle_clients(clients, revocations, stopped)),
        ];
        Self { stop, tasks: Mutex::new(tasks) }
    }

    /// Ends the work after what runs.
    pub(crate) async fn stop(&self) {
        self.stop.send_replace(true);
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            // Only a panic makes this an error, and that was logged where it happened.
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
        // The keys that are known go on serving; said once, and not each second.
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
                Some(Ok(Round::Done(rows))) if rows > 0 => tracing::info!(rows, "prune.done"),
                Some(Err(error)) => tracing::warn!(%error, "prune.failed"),
                Some(Ok(_)) | None => {}
            },
            // Between two batches, or after one that goes on to its end.
            _ = stopped.wait_for(|stop| *stop) => return,
        }
    }
}

async fn settle_clients(
    clients: Administration,
    revocations: Revocations,
    mut stopped: watch::Receiver<bool>,
) {
    let mut ticks = interval(CLIENTS_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stopped.wait_for(|stop| *stop) => return,
        }
        match background::step(clients.settle()).await {
            Some(Ok(Some(seq))) => {
                tracing::warn!("clients.settled");
                revocations.announce(seq).await;
            }
            Some(Ok(None)) | None => {}
            Some(Err(error)) => tracing::warn!(%error, "clients.not_settled"),
        }
    }
}
