//! A TCP proxy that misbehaves on demand.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

/// What a [`Proxy`] does with its connections, the existing ones included.
///
/// ```
/// use std::time::Duration;
/// use shared_claims::testing::{Proxy, ProxyMode};
///
/// fn gets_worse(proxy: &Proxy) {
///     for mode in [ProxyMode::Delay(Duration::from_millis(50)), ProxyMode::CutAfter(10), ProxyMode::Hang] {
///         proxy.set(mode);
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyMode {
    /// Forwards everything.
    Forward,
    /// Closes the existing connections and stops listening: new connections are refused.
    Refuse,
    /// Accepts connections, but forwards nothing in either direction.
    Hang,
    /// Forwards everything after this delay.
    Delay(Duration),
    /// Closes a connection after this many bytes of responses.
    CutAfter(usize),
    /// Resets the existing connections, and each new one at once.
    Reset,
}

/// A TCP proxy for one upstream address.
///
/// ```
/// use shared_claims::testing::{Proxy, ProxyMode, RedisProcess};
///
/// async fn cut_off(redis: &RedisProcess, other: &RedisProcess) -> String {
///     let proxy = Proxy::before(&redis.address()).await;
///     proxy.set(ProxyMode::Refuse);
///     // It comes back with another Redis behind it.
///     proxy.redirect(&other.address());
///     proxy.set(ProxyMode::Forward);
///     format!("redis://{}", proxy.address())
/// }
///
/// async fn lose_what_stands(proxy: &Proxy, other: &RedisProcess) {
///     let before = proxy.accepted();
///     proxy.hang_standing();
///     proxy.redirect_new(&other.address());
///     assert_eq!(proxy.accepted(), before, "nobody has connected anew yet");
/// }
/// ```
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    mode: watch::Sender<ProxyMode>,
    /// Connections with a smaller number forward nothing any more.
    stuck: watch::Sender<u64>,
    accepted: Arc<AtomicU64>,
    upstream: watch::Sender<String>,
    /// The upstream of new connections, if it differs from `upstream`.
    later: watch::Sender<Option<String>>,
    task: AbortHandle,
}

impl Proxy {
    /// Starts a proxy on a free port for `upstream` (host and port).
    pub async fn before(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("the address of a listener");
        let (mode, watching) = watch::channel(ProxyMode::Forward);
        let (upstream, target) = watch::channel(upstream.to_owned());
        let (stuck, is_stuck) = watch::channel(0);
        let accepted = Arc::new(AtomicU64::new(0));
        let (later, elsewhere) = watch::channel(None);
        let conditions = Conditions { mode: watching, stuck: is_stuck, later: elsewhere };
        let task =
            tokio::spawn(listen(listener, address, target, conditions, Arc::clone(&accepted))).abort_handle();
        Self { address, mode, stuck, accepted, upstream, later, task }
    }

    /// Host and port to connect to.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Changes the upstream, as in a failover: existing connections are closed.
    pub fn redirect(&self, upstream: &str) {
        self.upstream.send_replace(upstream.to_owned());
    }

    /// Changes the upstream of new connections; existing ones are not affected.
    pub fn redirect_new(&self, upstream: &str) {
        self.later.send_replace(Some(upstream.to_owned()));
    }

    /// Makes the existing connections forward nothing in either direction, without closing them. New ones work.
    pub fn hang_standing(&self) {
        self.stuck.send_replace(self.accepted.load(Ordering::SeqCst));
    }

    /// How many connections were accepted in total.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Changes the proxy's behaviour.
    pub fn set(&self, mode: ProxyMode) {
        self.mode.send_replace(mode);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The settings that each connection reads.
#[derive(Clone)]
struct Conditions {
    mode: watch::Receiver<ProxyMode>,
    stuck: watch::Receiver<u64>,
    later: watch::Receiver<Option<String>>,
}

impl Conditions {
    /// The current behaviour of the connection with this number.
    fn now(&mut self, number: u64) -> ProxyMode {
        let is_stuck = *self.stuck.borrow_and_update() > number;
        let mode = *self.mode.borrow_and_update();
        if is_stuck { ProxyMode::Hang } else { mode }
    }

    /// Waits for a change. Returns `false` when the proxy was dropped.
    async fn changed(&mut self) -> bool {
        tokio::select! {
            changed = self.mode.changed() => changed.is_ok(),
            changed = self.stuck.changed() => changed.is_ok(),
        }
    }
}

async fn listen(
    first: TcpListener,
    address: SocketAddr,
    mut upstream: watch::Receiver<String>,
    conditions: Conditions,
    accepted: Arc<AtomicU64>,
) {
    let mut mode = conditions.mode.clone();
    let mut connections = JoinSet::new();
    let mut listener = Some(first);
    loop {
        let now = *mode.borrow_and_update();
        if now == ProxyMode::Refuse {
            listener = None;
            connections.shutdown().await;
        } else if listener.is_none() {
            listener = TcpListener::bind(address).await.ok();
        }
        let Some(open) = &listener else {
            // The port was not free yet. It is tried again after a time-out or a change of mode.
            let _ = tokio::time::timeout(Duration::from_millis(20), mode.changed()).await;
            continue;
        };
        tokio::select! {
            incoming = open.accept() => if let Ok((client, _)) = incoming {
                let number = accepted.fetch_add(1, Ordering::SeqCst);
                let upstream = conditions.later.borrow().clone().unwrap_or_else(|| upstream.borrow().clone());
                connections.spawn(carry(client, upstream, conditions.clone(), number));
            },
            changed = mode.changed() => if changed.is_err() { return },
            changed = upstream.changed() => {
                if changed.is_err() { return }
                connections.shutdown().await;
            },
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn carry(client: TcpStream, upstream: String, mut conditions: Conditions, number: u64) {
    if conditions.now(number) == ProxyMode::Reset {
        // With a linger time of 0, closing the socket sends a reset.
        let _ = client.set_zero_linger();
        return;
    }
    let Ok(server) = TcpStream::connect(upstream).await else { return };
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    tokio::select! {
        () = pump(from_client, to_server, conditions.clone(), number, false) => {}
        () = pump(from_server, to_client, conditions, number, true) => {}
    }
}

/// Forwards one direction for as long as the mode allows it.
async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut conditions: Conditions,
    number: u64,
    answers: bool,
) {
    let mut buffer = [0; 16 * 1024];
    let mut passed = 0;
    loop {
        let now = conditions.now(number);
        if now == ProxyMode::Reset {
            let _ = if answers { to.as_ref().set_zero_linger() } else { from.as_ref().set_zero_linger() };
            return;
        }
        let read = tokio::select! {
            read = from.read(&mut buffer), if now != ProxyMode::Hang => read,
            goes_on = conditions.changed() => if goes_on { continue } else { return },
        };
        let Some(bytes) = read.ok().filter(|n| *n > 0).and_then(|n| buffer.get(..n)) else { return };
        let bytes = match now {
            ProxyMode::CutAfter(limit) if answers => {
                bytes.get(..limit.saturating_sub(passed)).unwrap_or(bytes)
            }
            _ => bytes,
        };
        if let ProxyMode::Delay(by) = now {
            tokio::time::sleep(by).await;
        }
        passed += bytes.len();
        if to.write_all(bytes).await.is_err() {
            return;
        }
        if matches!(now, ProxyMode::CutAfter(limit) if answers && passed >= limit) {
            return;
        }
    }
}
