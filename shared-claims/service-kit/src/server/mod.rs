//! Listens, serves, and stops in order.

mod addresses;
mod connection;
mod descriptors;
mod listener;
mod serving;
mod signal;
mod stopping;

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

pub use descriptors::raise_limit;
pub use signal::stop_signal;
pub use stopping::Stopping;

use self::listener::listen;
use self::serving::{serve, serve_metrics};
use crate::health;
use crate::http::HttpSettings;
use crate::metrics::{Metrics, MetricsSettings};

/// Everything that a service serves.
pub struct Service<R> {
    /// How it listens.
    pub http: HttpSettings,
    /// Whether clients reach it over https: its public URL says so.
    pub is_https: bool,
    /// Where `/metrics` stands.
    pub metrics_settings: MetricsSettings,
    /// What it counts.
    pub metrics: Metrics,
    /// What `/readyz` asks.
    pub health: health::Health,
    /// What `/openapi.json` and `/docs` show.
    pub api: OpenApi,
    /// The origin of the document's token URL, where it is another service's.
    pub token_origin: Option<String>,
    /// The path that everything is served below as well, for proxies that leave it: `/id`, or nothing.
    pub base_path: String,
    /// Its own routes and data; called once in each worker.
    pub routes: R,
}

/// A service that listens and does not serve yet.
pub struct Application {
    address: SocketAddr,
    metrics_address: Option<SocketAddr>,
    main: Server,
    beside: Option<Server>,
    patience: Duration,
    stopping: watch::Sender<bool>,
}

/// Listens at `http.bind`, or with the listener given (tests: port 0).
pub fn bind<R>(service: Service<R>, listener: Option<TcpListener>) -> io::Result<Application>
where
    R: Fn(&mut ServiceConfig) + Clone + Send + 'static,
{
    let listener = match listener {
        Some(listener) => listener,
        None => listen(service.http.bind, "http.bind")?,
    };
    let address = listener.local_addr()?;
    let patience = Duration::from_secs(service.http.shutdown_seconds);
    let beside = match service.metrics_settings.bind {
        Some(bind) => {
            let listener = listen(bind, "metrics.bind")?;
            Some((listener.local_addr()?, serve_metrics(&service, listener)?))
        }
        None => None,
    };
    let (metrics_address, beside) = beside.unzip();
    let (stopping, word) = Stopping::new();
    let main = serve(service, listener, word)?;
    Ok(Application { address, metrics_address, main, beside, patience, stopping })
}

/// After the time for requests: for ending what is left. Together with the end of the process less than a second.
const GRACE: Duration = Duration::from_millis(300);

impl Application {
    /// The address that it listens at.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port that it listens at.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The address of `/metrics` where that has a listener of its own.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// Serves until SIGTERM or SIGINT. From the signal on, the process ends within `http.shutdown_seconds` and a second.
    pub async fn run(self) -> io::Result<()> {
        let stopped = stop_signal(self.patience)?;
        self.run_until(stopped, async {}).await
    }

    /// How long a stop waits for requests that run.
    pub fn shutdown_patience(&self) -> Duration {
        self.patience
    }

    /// Serves until `stop` is done: then accepts nothing more, finishes what runs, and closes what does not finish
    /// within `http.shutdown_seconds`. After the last request it runs `finish`, within the same time.
    ///
    /// Whatever takes longer is left behind, so that this returns: a thread that waits for a database which never
    /// answers goes on until the process ends. Nothing that was acknowledged is lost with it.
    pub async fn run_until(
        self,
        stop: impl Future<Output = ()>,
        finish: impl Future<Output = ()>,
    ) -> io::Result<()> {
        let (main, beside) = (self.main.handle(), self.beside.as_ref().map(Server::handle));
        let mut running = rt::spawn(self.main);
        let metrics = self.beside.map(rt::spawn);
        let stopped_by_itself = tokio::select! {
            () = stop => None,
            ended = &mut running => Some(ended),
        };
        let deadline = Instant::now() + self.patience + GRACE;
        let served = if let Some(ended) = stopped_by_itself {
            ended.map_err(io::Error::other)?
        } else {
            tracing::info!(seconds = self.patience.as_secs(), "server.stopping");
            self.stopping.send_replace(true);
            let stopping = async {
                main.stop(true).await;
                running.await.map_err(io::Error::other)?
            };
            // The workers end what takes too long by themselves, unless their threads are stuck.
            timeout_at(deadline - GRACE / 2, stopping).await.unwrap_or_else(|_| cut_short("requests"))
        };
        if timeout_at(deadline, finish).await.is_err() {
            let _ = cut_short("background work");
        }
        // Last, so that the end can be watched.
        if let (Some(beside), Some(metrics)) = (beside, metrics) {
            let stopping = async {
                beside.stop(false).await;
                metrics.await.map_err(io::Error::other)?
            };
            timeout_at(deadline + GRACE / 3, stopping).await.unwrap_or_else(|_| cut_short("metrics"))?;
        }
        tracing::info!("server.stopped");
        served
    }
}

/// Something did not end in time. That is no failure of the stop: the process ends all the same.
#[expect(clippy::unnecessary_wraps, reason = "stands in for the outcome that did not come")]
fn cut_short(what: &str) -> io::Result<()> {
    tracing::warn!(what, "server.stop_cut_short");
    Ok(())
}
