//! The servers: actix's workers, with connections of ours.

use std::future::ready;
use std::io;
use std::net::TcpListener;
use std::time::Duration;

use actix_http::{HttpService, Request};
use actix_server::Server;
use actix_service::{IntoServiceFactory, ServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, Response};
use actix_web::web::ServiceConfig;
use tokio::net::TcpStream;

use super::addresses::{Addresses, TooMany};
use super::connection::{Connection, Patience};
use super::{Service, Stopping, descriptors, listener};
use crate::http::{Front, HttpSettings, PIECE, app};
use crate::metrics::Metrics;
use crate::{docs, health, metrics};

pub(super) fn serve<R>(service: Service<R>, listener: TcpListener, word: Stopping) -> io::Result<Server>
where
    R: Fn(&mut ServiceConfig) + Clone + Send + 'static,
{
    let settings = service.http.clone();
    let counted = service.metrics.clone();
    let front = Front::new(service.http, service.metrics.clone(), service.is_https).below(&service.base_path);
    let has_metrics = service.metrics_settings.bind.is_none();
    let (checks, api, token_origin, base_path, routes) =
        (service.health, service.api, service.token_origin, service.base_path, service.routes);
    let shown = service.metrics;
    let factory = move || {
        app(&front, &mut |config| {
            health::configure(config, &checks);
            docs::configure(config, &api, token_origin.as_deref(), &base_path);
            if has_metrics {
                metrics::configure(config, &shown);
            }
            config.app_data(word.clone()).configure(&routes);
        })
    };
    let workers = match settings.workers {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        workers => workers,
    };
    run(
        &settings,
        &counted,
        listener,
        Workers { count: workers, shutdown_seconds: settings.shutdown_seconds },
        factory,
    )
}

pub(super) fn serve_metrics<R>(service: &Service<R>, listener: TcpListener) -> io::Result<Server> {
    let (http, counted) = (service.http.clone(), service.metrics.clone());
    let front = Front::new(HttpSettings { cors_origins: Vec::new(), ..http.clone() }, counted.clone(), false);
    let shown = counted.clone();
    let factory = move || app(&front, &mut |config| metrics::configure(config, &shown));
    run(&http, &counted, listener, Workers { count: 1, shutdown_seconds: 1 }, factory)
}

#[derive(Clone, Copy)]
struct Workers {
    count: usize,
    shutdown_seconds: u64,
}

/// What `actix_web::HttpServer` does, with [`Connection`] in the place of the bare socket.
fn run<F, A, S, B>(
    settings: &HttpSettings,
    metrics: &Metrics,
    listener: TcpListener,
    workers: Workers,
    factory: F,
) -> io::Result<Server>
where
    F: Fn() -> A + Clone + Send + 'static,
    A: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<actix_web::Error> + 'static,
    S::InitError: std::fmt::Debug,
    S::Response: Into<Response<B>> + 'static,
    <S::Service as actix_service::Service<Request>>::Future: 'static,
    B: MessageBody + 'static,
{
    listener::bound(&listener, Duration::from_secs(settings.stalled_seconds))?;
    let address = listener.local_addr()?;
    let (patience, addresses) = (Patience::of(settings), Addresses::of(settings));
    let connections = metrics.connections();
    let keep_alive = Duration::from_secs(settings.keep_alive_seconds);
    let client_timeout = Duration::from_secs(settings.client_timeout_seconds);
    let builder = Server::build();
    let stop = builder.graceful_shutdown_signal();
    let worker = move || {
        let (addresses, connections, stop) = (addresses.clone(), connections.clone(), stop.clone());
        let accept = move |socket: TcpStream| ready(accept(socket, patience, &addresses, &connections));
        let service = factory().into_factory().map_err(|error| error.into().error_response());
        let http = HttpService::build()
            .keep_alive(keep_alive)
            .client_request_timeout(client_timeout)
            .client_disconnect_timeout(Duration::from_secs(1))
            .h1_write_buffer_size(PIECE)
            .graceful_shutdown_signal(move || {
                let stop = stop.clone();
                async move { stop.notified().await }
            })
            .local_addr(address)
            .h1(map_config(service, |()| AppConfig::default()));
        fn_service(accept).and_then(http.map_err(|_| Gone))
    };
    Ok(builder
        .workers(workers.count)
        .max_concurrent_connections(descriptors::fitting(settings.max_connections, workers.count))
        .shutdown_timeout(workers.shutdown_seconds)
        .disable_signals()
        .listen(address.to_string(), listener, worker)?
        .run())
}

/// The connection is closed. Nobody asks why.
#[derive(Debug)]
struct Gone;

impl From<TooMany> for Gone {
    fn from(_: TooMany) -> Self {
        Self
    }
}

type Accepted = (Connection, Option<std::net::SocketAddr>);

fn accept(
    socket: TcpStream,
    patience: Patience,
    addresses: &Addresses,
    connections: &metrics::Connections,
) -> Result<Accepted, Gone> {
    let peer = socket.peer_addr().ok();
    let place = peer.map(|peer| addresses.enter(peer.ip())).transpose().inspect_err(|TooMany| {
        connections.refused();
    })?;
    Ok((Connection::new(socket, patience, connections.opened(), place.flatten()), peer))
}
