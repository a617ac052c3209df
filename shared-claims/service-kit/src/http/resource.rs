//! Resources: a path, its methods, and which origins may read its answers.

use std::sync::{Arc, OnceLock};

use actix_web::dev::{AppService, HttpServiceFactory};
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{
    FromRequest, Handler, HttpRequest, HttpResponse, Resource, Responder, ResponseError, Route, guard, web,
};

use super::context::NotesRoute;
use super::{Cors, HttpError};
use crate::metrics::RouteCounts;

/// A path and its methods. Anything else is 405 with `Allow`; `OPTIONS` tells; `GET` answers `HEAD`.
pub struct Endpoint {
    pattern: String,
    resource: Resource,
    allow: Vec<Method>,
    refuse: fn() -> HttpResponse,
    cors: Cors,
}

/// What the front has to know of a resource to finish its answers.
pub(super) struct RouteInfo {
    /// The path's pattern, for log and metrics.
    pub(super) pattern: String,
    /// Its methods, as in `Allow`.
    pub(super) methods: HeaderValue,
    pub(super) cors: Cors,
    /// Its counters in this worker, from the first answer on.
    pub(super) counts: OnceLock<Arc<RouteCounts>>,
}

/// Begins a path: `cfg.service(http::resource("/todos/{id}").get(show).put(change))`. Without trailing slash: requests
/// are served with it and without.
pub fn resource(path: &str) -> Endpoint {
    Endpoint {
        pattern: path.to_owned(),
        resource: web::resource(path.to_owned()),
        allow: Vec::new(),
        refuse: not_allowed,
        cors: Cors::default(),
    }
}

impl Endpoint {
    /// Answers `GET` and `HEAD`.
    #[must_use]
    pub fn get<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        let either = guard::Any(guard::Get()).or(guard::Head());
        let mut this = self.add(web::route().guard(either).to(handler), Method::GET);
        this.allow.push(Method::HEAD);
        this
    }

    /// Answers `POST`.
    #[must_use]
    pub fn post<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.add(web::post().to(handler), Method::POST)
    }

    /// Answers `PUT`.
    #[must_use]
    pub fn put<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.add(web::put().to(handler), Method::PUT)
    }

    /// Answers `PATCH`.
    #[must_use]
    pub fn patch<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.add(web::patch().to(handler), Method::PATCH)
    }

    /// Answers `DELETE`.
    #[must_use]
    pub fn delete<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.add(web::delete().to(handler), Method::DELETE)
    }

    /// Words the refusal of another method; its `Allow` is set here.
    #[must_use]
    pub fn refusing_by(self, refuse: fn() -> HttpResponse) -> Self {
        Self { refuse, ..self }
    }

    /// Says which origins' scripts may read its answers; by default the listed ones.
    #[must_use]
    pub fn cors(self, cors: Cors) -> Self {
        Self { cors, ..self }
    }

    fn add(mut self, route: Route, method: Method) -> Self {
        self.resource = self.resource.route(route);
        self.allow.push(method);
        self
    }
}

impl HttpServiceFactory for Endpoint {
    fn register(self, config: &mut AppService) {
        let methods: Vec<&str> = self.allow.iter().map(Method::as_str).chain(["OPTIONS"]).collect();
        let allow = HeaderValue::from_str(&methods.join(", ")).unwrap_or(HeaderValue::from_static("OPTIONS"));
        let route = Arc::new(RouteInfo {
            pattern: self.pattern,
            methods: allow.clone(),
            cors: self.cors,
            counts: OnceLock::new(),
        });
        let refuse = self.refuse;
        let other = move |request: HttpRequest| {
            let allow = allow.clone();
            async move { other_method(&request, allow, refuse) }
        };
        self.resource.guard(NotesRoute(route)).default_service(web::to(other)).register(config);
    }
}

fn other_method(request: &HttpRequest, allow: HeaderValue, refuse: fn() -> HttpResponse) -> HttpResponse {
    let mut answer =
        if request.method() == Method::OPTIONS { HttpResponse::NoContent().finish() } else { refuse() };
    answer.headers_mut().insert(header::ALLOW, allow);
    answer
}

fn not_allowed() -> HttpResponse {
    HttpError::new(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed").error_response()
}
