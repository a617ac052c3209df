//! Resolves names, and lets through only addresses that may be called.

use std::error::Error;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolving};
use tokio::sync::Semaphore;

use super::address::AddressRule;

/// Resolves a name to addresses.
pub trait Resolve: Send + Sync {
    /// Looks the name up, each time anew.
    fn resolve(&self, name: String) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;
}

/// The most look-ups at a time. The operating system's look-up cannot be given up, so those whose caller left count too.
const LOOKUPS: usize = 32;

/// The resolver of the operating system.
pub(super) struct SystemResolver {
    turns: Arc<Semaphore>,
}

impl SystemResolver {
    pub(super) fn new() -> Self {
        Self { turns: Arc::new(Semaphore::new(LOOKUPS)) }
    }
}

impl Resolve for SystemResolver {
    fn resolve(&self, name: String) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>> {
        let turns = Arc::clone(&self.turns);
        Box::pin(async move {
            let turn = turns.acquire_owned().await.map_err(io::Error::other)?;
            // A task of its own, which keeps its turn until the look-up has ended, whether or not somebody waits for it.
            let looked_up = tokio::spawn(async move {
                let found = tokio::net::lookup_host((name, 0)).await;
                drop(turn);
                found.map(|found| found.map(|address| address.ip()).collect())
            });
            looked_up.await.map_err(io::Error::other)?
        })
    }
}

/// No address of a name may be called.
#[derive(Debug, thiserror::Error)]
#[error("no address of the host may be called")]
pub(super) struct NoAllowedAddress;

/// The name could not be resolved.
#[derive(Debug, thiserror::Error)]
#[error("the name of the host cannot be resolved")]
pub(super) struct NotResolved;

/// A resolver for the HTTP client, which connects only to addresses that it gets from here.
pub(super) struct CheckedResolver {
    pub(super) inner: Arc<dyn Resolve>,
    pub(super) rule: AddressRule,
}

impl reqwest::dns::Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (found, rule) = (self.inner.resolve(name.as_str().to_owned()), self.rule.clone());
        Box::pin(async move {
            let found = found.await.map_err(|_| NotResolved)?;
            // The port is the one of the URL.
            let allowed: Vec<_> = found
                .into_iter()
                .filter(|address| rule.allows(*address))
                .map(|address| SocketAddr::new(address, 0))
                .collect();
            if allowed.is_empty() {
                return Err(Box::new(NoAllowedAddress) as Box<dyn Error + Send + Sync>);
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}
