//! Listens, serves, and stops in order.

mod stopping;

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::web::ServiceConfig;
use actix_web::{HttpServer, rt};
use tokio::sync::watch;
use utoipa::openapi::OpenApi;

pub use stopping::Stopping;

use crate::http::{Front, HttpSettings, app};
use crate::metrics::{Metrics, MetricsSettings};
use crate::{docs, health, metrics};

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

/// Says which setting it was that could not be.
fn listen(address: SocketAddr, key: &str) -> io::Result<TcpListener> {
    TcpListener::bind(address)
        .map_err(|error| io::Error::new(error.kind(), format!("{key}: cannot listen at {address}: {error}")))
}

fn serve<R>(service: Service<R>, listener: TcpListener, word: Stopping) -> io::Result<Server>
where
    R: Fn(&mut ServiceConfig) + Clone + Send + 'static,
{
    let settings = service.http.clone();
    let front = Front::new(service.http, service.metrics.clone(), service.is_https).below(&service.base_path);
    let has_metrics = service.metrics_settings.bind.is_none();
    let (checks, api, token_origin, base_path, routes) =
        (service.health, service.api, service.token_origin, service.base_path, service.routes);
    let counted = service.metrics;
    let server = HttpServer::new(move || {
        app(&front, &mut |config| {
            health::configure(config, &checks);
            docs::configure(config, &api, token_origin.as_deref(), &base_path);
            if has_metrics {
                metrics::configure(config, &counted);
            }
            config.app_data(word.clone()).configure(&routes);
        })
    });
    let workers = match settings.workers {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        workers => workers,
    };
    Ok(server
        .workers(workers)
        .keep_alive(Duration::from_secs(settings.keep_alive_seconds))
        .client_request_timeout(Duration::from_secs(settings.client_timeout_seconds))
        .max_connections(settings.max_connections)
        .shutdown_timeout(settings.shutdown_seconds)
        .disable_signals()
        .listen(listener)?
        .run())
}

fn serve_metrics<R>(service: &Service<R>, listener: TcpListener) -> io::Result<Server> {
    let (http, counted) = (service.http.clone(), service.metrics.clone());
    let front = Front::new(HttpSettings { cors_origins: Vec::new(), ..http }, counted.clone(), false);
    let server = HttpServer::new(move || app(&front, &mut |config| metrics::configure(config, &counted)));
    Ok(server.workers(1).shutdown_timeout(1).disable_signals().listen(listener)?.run())
}

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

    /// Serves until SIGTERM or SIGINT.
    pub async fn run(self) -> io::Result<()> {
        let stopped = stop_signal()?;
        self.run_until(stopped).await
    }

    /// Serves until `stop` is done: then accepts nothing more, finishes what runs, and closes what does not finish
    /// within `http.shutdown_seconds`.
    pub async fn run_until(self, stop: impl Future<Output = ()>) -> io::Result<()> {
        let (main, beside) = (self.main.handle(), self.beside.as_ref().map(Server::handle));
        let running = rt::spawn(self.main);
        let metrics = self.beside.map(rt::spawn);
        tokio::pin!(stop);
        tokio::pin!(running);
        tokio::select! {
            () = &mut stop => {
                tracing::info!(seconds = self.patience.as_secs(), "server.stopping");
                self.stopping.send_replace(true);
                main.stop(true).await;
                (&mut running).await.map_err(io::Error::other)??;
            }
            ended = &mut running => ended.map_err(io::Error::other)??,
        }
        // Last, so that the end can be watched.
        if let (Some(beside), Some(metrics)) = (beside, metrics) {
            beside.stop(false).await;
            metrics.await.map_err(io::Error::other)??;
        }
        tracing::info!("server.stopped");
        Ok(())
    }
}

/// Done at the first SIGTERM or SIGINT. Listens from the call on, not from the first poll.
pub fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
