//! The actix-web workers, whose connections have time limits; the listening sockets; and the number of connections that
//! the limit of open files allows.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_http::{HttpService, Request};
use actix_server::Server;
use actix_service::{IntoServiceFactory, ServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, Response};
use actix_web::web::ServiceConfig;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::net::TcpStream;

use super::address_limit::{AddressLimit, TooManyConnections};
use super::connection::{Connection, ConnectionTimeLimits};
use super::tls::{ClientStream, Tls};
use super::{Service, ShutdownSignal};
use crate::http::{CHUNK_SIZE, HttpMiddleware, HttpSettings, app};
use crate::metrics::{self, Metrics};
use crate::{docs, health};

pub(super) fn serve<R>(
    service: Service<R>,
    listener: TcpListener,
    tls: Option<Tls>,
    shutdown_signal: ShutdownSignal,
) -> io::Result<Server>
where
    R: Fn(&mut ServiceConfig) + Clone + Send + 'static,
{
    let settings = service.http.clone();
    let counted = service.metrics.clone();
    let middleware = HttpMiddleware::new(service.http, service.metrics.clone(), service.is_https)
        .with_base_path(&service.base_path)
        .behind(service.gate);
    let has_metrics = service.metrics_settings.bind.is_none();
    let (checks, api, token_origin, base_path, routes) =
        (service.health, service.api, service.token_origin, service.base_path, service.routes);
    let shown = service.metrics;
    let factory = move || {
        app(&middleware, &mut |config| {
            health::configure(config, &checks);
            docs::configure(config, &api, token_origin.as_deref(), &base_path);
            if has_metrics {
                metrics::configure(config, &shown);
            }
            config.app_data(shutdown_signal.clone()).configure(&routes);
        })
    };
    let workers = match settings.workers {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        workers => workers,
    };
    run(
        &settings,
        &counted,
        Listener { socket: listener, tls },
        WorkerSettings { count: workers, shutdown_seconds: settings.shutdown_seconds },
        factory,
    )
}

pub(super) fn serve_metrics<R>(service: &Service<R>, listener: TcpListener) -> io::Result<Server> {
    let (http, counted) = (service.http.clone(), service.metrics.clone());
    let middleware = HttpMiddleware::new(
        HttpSettings { cors_origins: Vec::new(), ..http.clone() },
        counted.clone(),
        false,
    );
    let shown = counted.clone();
    let factory = move || app(&middleware, &mut |config| metrics::configure(config, &shown));
    let listener = Listener { socket: listener, tls: None };
    run(&http, &counted, listener, WorkerSettings { count: 1, shutdown_seconds: 1 }, factory)
}

/// A listening socket, and the TLS of its connections.
struct Listener {
    socket: TcpListener,
    tls: Option<Tls>,
}

#[derive(Clone, Copy)]
struct WorkerSettings {
    count: usize,
    shutdown_seconds: u64,
}

/// Does what `actix_web::HttpServer` does, but with a [`Connection`] instead of the plain socket.
fn run<F, A, S, B>(
    settings: &HttpSettings,
    metrics: &Metrics,
    Listener { socket: listener, tls }: Listener,
    workers: WorkerSettings,
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
    set_socket_options(&listener, Duration::from_secs(settings.stalled_seconds))?;
    let address = listener.local_addr()?;
    let (limits, address_limit) = (ConnectionTimeLimits::of(settings), AddressLimit::of(settings));
    let connections = metrics.connections();
    let keep_alive = Duration::from_secs(settings.keep_alive_seconds);
    let client_timeout = Duration::from_secs(settings.client_timeout_seconds);
    let builder = Server::build();
    let stop = builder.graceful_shutdown_signal();
    let worker = move || {
        let (address_limit, connections, stop) = (address_limit.clone(), connections.clone(), stop.clone());
        let tls = tls.clone();
        // Each call runs in a task of its own, so a slow handshake delays no other connection.
        let accept = move |socket: TcpStream| {
            let (accepted, tls) = (accept(socket, limits, &address_limit, &connections), tls.clone());
            async move {
                let (connection, peer) = accepted?;
                let stream = match tls {
                    None => ClientStream::Plain(connection),
                    Some(tls) => {
                        let accepted = tls.accept(connection).await.map_err(|_| ConnectionRejected)?;
                        ClientStream::Tls(Box::new(accepted))
                    }
                };
                Ok::<_, ConnectionRejected>((stream, peer))
            }
        };
        let service = factory().into_factory().map_err(|error| error.into().error_response());
        let http = HttpService::build()
            .keep_alive(keep_alive)
            .client_request_timeout(client_timeout)
            .client_disconnect_timeout(Duration::from_secs(1))
            .h1_write_buffer_size(CHUNK_SIZE)
            .graceful_shutdown_signal(move || {
                let stop = stop.clone();
                async move { stop.notified().await }
            })
            .local_addr(address)
            .h1(map_config(service, |()| AppConfig::default()));
        fn_service(accept).and_then(http.map_err(|_| ConnectionRejected))
    };
    Ok(builder
        .workers(workers.count)
        .max_concurrent_connections(fitting_connections(settings.max_connections, workers.count))
        .shutdown_timeout(workers.shutdown_seconds)
        .disable_signals()
        .listen(address.to_string(), listener, worker)?
        .run())
}

/// The error for a connection that is closed without a response. Its cause is only counted.
#[derive(Debug)]
struct ConnectionRejected;

impl From<TooManyConnections> for ConnectionRejected {
    fn from(_: TooManyConnections) -> Self {
        Self
    }
}

type Accepted = (Connection, Option<SocketAddr>);

fn accept(
    socket: TcpStream,
    limits: ConnectionTimeLimits,
    address_limit: &AddressLimit,
    connections: &metrics::Connections,
) -> Result<Accepted, ConnectionRejected> {
    let peer = socket.peer_addr().ok();
    let slot =
        peer.map(|peer| address_limit.acquire(peer.ip())).transpose().inspect_err(|TooManyConnections| {
            connections.refused();
        })?;
    Ok((Connection::new(socket, limits, connections.opened(), slot.flatten()), peer))
}

/// The receive buffer of a connection in the kernel, bytes. It is as large as the largest body that is accepted.
const RECEIVE_BUFFER: usize = 64 * 1024;

/// Listens on this address. An error names the setting.
pub(super) fn listen(address: SocketAddr, key: &str) -> io::Result<TcpListener> {
    TcpListener::bind(address)
        .map_err(|error| io::Error::new(error.kind(), format!("{key}: cannot listen at {address}: {error}")))
}

/// Makes the kernel close a connection whose peer has read nothing for `stalled`. This also covers a connection that
/// the process has already closed, whose unsent data the kernel would otherwise keep for many minutes.
#[cfg(target_os = "linux")]
fn set_socket_options(listener: &TcpListener, stalled: Duration) -> io::Result<()> {
    use rustix::net::sockopt::{set_socket_recv_buffer_size, set_tcp_user_timeout};
    set_socket_recv_buffer_size(listener, RECEIVE_BUFFER)?;
    set_tcp_user_timeout(listener, u32::try_from(stalled.as_millis()).unwrap_or(u32::MAX))?;
    Ok(())
}

/// Other systems have no such option, or connections do not inherit it. There only the limits of
/// [`Connection`] apply.
#[cfg(not(target_os = "linux"))]
fn set_socket_options(_: &TcpListener, _: Duration) -> io::Result<()> {
    let _ = RECEIVE_BUFFER;
    Ok(())
}

/// The most descriptors that are kept for other uses than clients' connections: database, Redis, other services, files.
const MAX_RESERVED: u64 = 1024;

/// Raises the limit of open files to the hard limit. Many systems set the soft limit to 1,024 for programs that cannot
/// handle more.
pub fn raise_open_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    let raised = rustix::process::Rlimit { current: limit.maximum, ..limit };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, soft = limit.current, hard = limit.maximum, "files.limit_not_raised");
    }
}

/// The connections that each worker may hold so that all of them fit into the limit of open files and some descriptors
/// remain, for example for the database. Otherwise many clients could use up the descriptors that are needed to serve
/// them.
fn fitting_connections(wanted: usize, workers: usize) -> usize {
    let Some(files) = getrlimit(Resource::Nofile).current else { return wanted };
    let fitting = max_connections_per_worker(files, workers);
    if wanted <= fitting {
        return wanted;
    }
    tracing::warn!(
        wanted,
        fitting,
        workers,
        files,
        "http.max_connections does not fit into the limit of open files: fewer connections are accepted"
    );
    fitting
}

fn max_connections_per_worker(files: u64, workers: usize) -> usize {
    let kept = (files / 4).min(MAX_RESERVED);
    let each = (files - kept) / u64::try_from(workers).unwrap_or(u64::MAX).max(1);
    usize::try_from(each).unwrap_or(usize::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_files_are_kept_for_the_database() {
        assert_eq!(max_connections_per_worker(1024, 1), 768);
        assert_eq!(max_connections_per_worker(1024, 2), 384);
        assert_eq!(max_connections_per_worker(1_048_576, 2), 523_776);
        assert_eq!(max_connections_per_worker(4, 8), 1);
    }

    #[test]
    fn a_number_that_fits_is_not_changed() {
        assert_eq!(fitting_connections(1, 1), 1);
        assert!(
            fitting_connections(usize::MAX, 1) < usize::MAX || getrlimit(Resource::Nofile).current.is_none()
        );
    }
}
