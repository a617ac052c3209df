//! Opens the listeners, serves, and shuts down in order.

mod address_limit;
mod connection;
mod shutdown;
mod tls;
mod workers;

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_server::Server;
use actix_web::rt;
use actix_web::web::ServiceConfig;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use utoipa::openapi::OpenApi;

pub use shutdown::{ShutdownSignal, run_program, stop_signal, unless_stopped};
pub use tls::check_tls;
pub use workers::raise_open_file_limit;

use self::tls::Tls;
use self::workers::{listen, serve, serve_metrics};
use crate::health;
use crate::http::{Gate, HttpSettings};
use crate::metrics::{Metrics, MetricsSettings};

/// The parts of a service.
pub struct Service<R> {
    /// The listener and HTTP limits.
    pub http: HttpSettings,
    /// Whether the service's public URL uses https.
    pub is_https: bool,
    /// Where `/metrics` is served.
    pub metrics_settings: MetricsSettings,
    /// The metrics.
    pub metrics: Metrics,
    /// The checks of `/readyz`.
    pub health: health::HealthChecks,
    /// The API document for `/openapi.json` and `/docs`.
    pub api: OpenApi,
    /// The origin of the document's token URL, if it is another service's.
    pub token_origin: Option<String>,
    /// The base path below which all routes are served too, for proxies that do not remove it: for example `/id`, or
    /// empty.
    pub base_path: String,
    /// Whether the service serves at all.
    pub gate: Gate,
    /// Registers the service's own routes and data. Called once in each worker.
    pub routes: R,
}

/// A service that listens but does not serve yet.
pub struct Application {
    address: SocketAddr,
    metrics_address: Option<SocketAddr>,
    main: Server,
    metrics_server: Option<Server>,
    tls: Option<Tls>,
    health: health::HealthChecks,
    drain_time: Duration,
    shutdown_timeout: Duration,
    shutdown: watch::Sender<bool>,
}

/// Listens on `http.bind`, or uses the given listener (in tests: port 0).
pub fn bind<R>(service: Service<R>, listener: Option<TcpListener>) -> io::Result<Application>
where
    R: Fn(&mut ServiceConfig) + Clone + Send + 'static,
{
    let tls = Tls::load(&service.http)?;
    let listener = match listener {
        Some(listener) => listener,
        None => listen(service.http.bind, "http.bind")?,
    };
    let address = listener.local_addr()?;
    let shutdown_timeout = Duration::from_secs(service.http.shutdown_seconds);
    let (drain_time, health) = (Duration::from_secs(service.http.drain_seconds), service.health.clone());
    let metrics_server = match service.metrics_settings.bind {
        Some(bind) => {
            let listener = listen(bind, "metrics.bind")?;
            Some((listener.local_addr()?, serve_metrics(&service, listener)?))
        }
        None => None,
    };
    let (metrics_address, metrics_server) = metrics_server.unzip();
    let (shutdown, shutdown_signal) = ShutdownSignal::new();
    let main = serve(service, listener, tls.clone(), shutdown_signal)?;
    Ok(Application {
        address,
        metrics_address,
        main,
        metrics_server,
        tls,
        health,
        drain_time,
        shutdown_timeout,
        shutdown,
    })
}

/// The time after `http.shutdown_seconds` for ending what still runs. Together with the end of the process it stays
/// below a second.
const GRACE: Duration = Duration::from_millis(300);

impl Application {
    /// The address of the listener.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port of the listener.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The address of `/metrics`, if it has its own listener.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// Serves until SIGTERM or SIGINT, and after it for `http.drain_seconds`. Then the process ends within
    /// `http.shutdown_seconds` and one second.
    pub async fn run(self) -> io::Result<()> {
        let (stopped, drain) = (stop_signal(self.stop_timeout())?, self.drain());
        let stopped = async move {
            stopped.await;
            drain.await;
        };
        self.run_until(stopped, async {}).await
    }

    /// The longest that a stop takes from the signal on: `http.drain_seconds` and `http.shutdown_seconds`.
    pub fn stop_timeout(&self) -> Duration {
        self.drain_time + self.shutdown_timeout
    }

    /// Makes `/readyz` answer 503, and completes after `http.drain_seconds`. Await it between the signal to stop and
    /// the end of the future given to [`run_until`](Self::run_until): until then, everything is served as before.
    pub fn drain(&self) -> impl Future<Output = ()> + use<> {
        let (health, drain_time) = (self.health.clone(), self.drain_time);
        async move {
            health.set_stopping();
            if !drain_time.is_zero() {
                tracing::info!(seconds = drain_time.as_secs(), "server.draining");
                tokio::time::sleep(drain_time).await;
            }
        }
    }

    /// Serves until `stop` completes. Then accepts no more connections, waits for running requests, and closes those
    /// that do not complete within `http.shutdown_seconds`. After the last request it runs `finish`, within the same
    /// time.
    ///
    /// Work that takes longer is abandoned, so that this function always returns: a thread that waits for a database
    /// that never answers runs until the process ends. Nothing that was acknowledged is lost.
    pub async fn run_until(
        self,
        stop: impl Future<Output = ()>,
        finish: impl Future<Output = ()>,
    ) -> io::Result<()> {
        let (main, metrics_server) = (self.main.handle(), self.metrics_server.as_ref().map(Server::handle));
        let mut running = rt::spawn(self.main);
        let following = self.tls.map(|tls| rt::spawn(tls.follow_files()));
        let metrics = self.metrics_server.map(rt::spawn);
        let stopped_by_itself = tokio::select! {
            () = stop => None,
            ended = &mut running => Some(ended),
        };
        let deadline = Instant::now() + self.shutdown_timeout + GRACE;
        let served = if let Some(ended) = stopped_by_itself {
            ended.map_err(io::Error::other)?
        } else {
            tracing::info!(seconds = self.shutdown_timeout.as_secs(), "server.stopping");
            self.shutdown.send_replace(true);
            let stopping = async {
                main.stop(true).await;
                running.await.map_err(io::Error::other)?
            };
            // The workers themselves end requests that take too long, unless their threads are blocked.
            timeout_at(deadline - GRACE / 2, stopping).await.unwrap_or_else(|_| log_unfinished("requests"))
        };
        if timeout_at(deadline, finish).await.is_err() {
            let _ = log_unfinished("background work");
        }
        // The metrics listener stops last, so that the shutdown can be observed.
        if let (Some(metrics_server), Some(metrics)) = (metrics_server, metrics) {
            let stopping = async {
                metrics_server.stop(false).await;
                metrics.await.map_err(io::Error::other)?
            };
            timeout_at(deadline + GRACE / 3, stopping).await.unwrap_or_else(|_| log_unfinished("metrics"))?;
        }
        if let Some(following) = following {
            following.abort();
        }
        tracing::info!("server.stopped");
        served
    }
}

/// Logs that something did not end in time. That is not an error of the shutdown: the process ends all the same.
#[expect(clippy::unnecessary_wraps, reason = "the same type as the result that did not arrive in time")]
fn log_unfinished(what: &str) -> io::Result<()> {
    tracing::warn!(what, "server.stop_cut_short");
    Ok(())
}
