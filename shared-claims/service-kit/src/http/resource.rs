//! Resources: a path, its methods, and the origins that may read its responses.

use std::sync::{Arc, OnceLock};

use actix_web::dev::{AppService, HttpServiceFactory};
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{
    FromRequest, Handler, HttpRequest, HttpResponse, Resource, Responder, ResponseError, Route, guard, web,
};

use super::context::RecordRoute;
use super::{Cors, HttpError};
use crate::metrics::RouteCounts;

/// A path and its methods. `HEAD` is handled like `GET`. `OPTIONS` gets the list of methods, any other method 405 with
/// `Allow`.
pub struct Endpoint {
    pattern: String,
    resource: Resource,
    allow: Vec<Method>,
    other_method_response: fn() -> HttpResponse,
    cors: Cors,
}

/// The data of a resource that the middleware needs to complete its responses.
pub(super) struct RouteInfo {
    /// The pattern of the path, for the log and the metrics.
    pub(super) pattern: String,
    /// The methods, as in `Allow`.
    pub(super) methods: HeaderValue,
    pub(super) cors: Cors,
    /// The counters of this route in this worker. They are created with the first response.
    pub(super) counts: OnceLock<Arc<RouteCounts>>,
}

/// Creates a resource: `cfg.service(http::resource("/todos/{id}").get(show).put(change))`. The path has no trailing
/// slash: requests are served with one and without one.
pub fn resource(path: &str) -> Endpoint {
    Endpoint {
        pattern: path.to_owned(),
        resource: web::resource(path.to_owned()),
        allow: Vec::new(),
        other_method_response: not_allowed,
        cors: Cors::default(),
    }
}

impl Endpoint {
    /// Handles `GET` and `HEAD`.
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

    /// Handles `POST`.
    #[must_use]
    pub fn post<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.add(web::post().to(handler), Method::POST)
    }

    /// Handles `PUT`.
    #[must_use]
    pub fn put<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.add(web::put().to(handler), Method::PUT)
    }

    /// Handles `PATCH`.
    #[must_use]
    pub fn patch<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.add(web::patch().to(handler), Method::PATCH)
    }

    /// Handles `DELETE`.
    #[must_use]
    pub fn delete<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.add(web::delete().to(handler), Method::DELETE)
    }

    /// Sets the response to another method. `Allow` is added to it.
    #[must_use]
    pub fn on_other_method(self, other_method_response: fn() -> HttpResponse) -> Self {
        Self { other_method_response, ..self }
    }

    /// Sets the origins whose scripts may read the responses; by default those of `http.cors_origins`.
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
        let other_method_response = self.other_method_response;
        let other = move |request: HttpRequest| {
            let allow = allow.clone();
            async move { other_method(&request, allow, other_method_response) }
        };
        self.resource.guard(RecordRoute(route)).default_service(web::to(other)).register(config);
    }
}

fn other_method(
    request: &HttpRequest,
    allow: HeaderValue,
    other_method_response: fn() -> HttpResponse,
) -> HttpResponse {
    let mut response = if request.method() == Method::OPTIONS {
        HttpResponse::NoContent().finish()
    } else {
        other_method_response()
    };
    response.headers_mut().insert(header::ALLOW, allow);
    response
}

fn not_allowed() -> HttpResponse {
    HttpError::new(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed").error_response()
}
