//! `/openapi.json`, and `/docs` with Swagger UI, whose files are embedded in the binary. Also what the API
//! documents of both services share: the error response and the security schemes.

use std::borrow::Cow;
use std::sync::Arc;

use actix_web::http::{StatusCode, header};
use actix_web::web::{self, Bytes, ServiceConfig};
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use utoipa::openapi::security::{
    Flow, HttpAuthScheme, HttpBuilder, OAuth2, Password, Scopes, SecurityScheme,
};
use utoipa::openapi::{Components, OpenApi, Server};
use utoipa::{ToResponse, ToSchema};

use crate::http::{Cors, HadTrailingSlash, HttpError, Path, resource};

const PAGE: &str = include_str!("page.html");
const START: &str = include_str!("start.js");

/// The page runs its own files and calls its own origin. The password flow calls the document's `tokenUrl`, which may
/// have another origin. Swagger UI sets inline styles and shows images from `data:` URLs.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; font-src 'self'; connect-src 'self'";
const POLICY_END: &str = "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[derive(Clone)]
struct Docs {
    document: Bytes,
    policy: Arc<str>,
    files: Arc<utoipa_swagger_ui::Config<'static>>,
}

/// Registers `/openapi.json`, `/docs` and the files below it. `token_origin` is the origin of the document's token URL
/// if it is not the service's own. `base_path` is the path under which callers reach the documented endpoints.
pub fn configure(
    config: &mut ServiceConfig,
    document: &OpenApi,
    token_origin: Option<&str>,
    base_path: &str,
) {
    let mut document = document.clone();
    if !base_path.is_empty() {
        document.servers = Some(vec![Server::new(base_path)]);
    }
    let docs = Docs {
        document: document.to_json().unwrap_or_default().into(),
        policy: format!("{POLICY} {}{POLICY_END}", token_origin.unwrap_or_default()).into(),
        files: Arc::new(utoipa_swagger_ui::Config::from("/openapi.json")),
    };
    config
        .app_data(web::Data::new(docs))
        .service(resource("/openapi.json").get(document_of))
        .service(resource("/docs").cors(Cors::NoOrigin).get(page))
        .service(resource("/docs/{file}").cors(Cors::NoOrigin).get(file));
}

async fn document_of(docs: web::Data<Docs>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(docs.document.clone())
}

/// The page refers to its files relative to its own URL, which may end in a slash and may be below any base path.
async fn page(request: HttpRequest, docs: web::Data<Docs>) -> HttpResponse {
    let had_slash = request.extensions().contains::<HadTrailingSlash>();
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((header::CONTENT_SECURITY_POLICY, docs.policy.as_ref()))
        .body(PAGE.replace("{at}", if had_slash { "" } else { "docs/" }))
}

async fn file(docs: web::Data<Docs>, name: Path<String>) -> Result<HttpResponse, HttpError> {
    let not_found = || HttpError::new(StatusCode::NOT_FOUND, "Not found");
    if name.as_str() == "start.js" {
        return Ok(HttpResponse::Ok().content_type("text/javascript; charset=utf-8").body(START));
    }
    let wanted = ["swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png", "favicon-16x16.png"];
    if !wanted.contains(&name.as_str()) {
        return Err(not_found());
    }
    let file = utoipa_swagger_ui::serve(&name, Arc::clone(&docs.files)).map_err(HttpError::internal)?;
    let file = file.ok_or_else(not_found)?;
    let bytes = match file.bytes {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    };
    Ok(HttpResponse::Ok()
        .content_type(file.content_type)
        .insert_header((header::CACHE_CONTROL, "public, max-age=3600"))
        .body(bytes))
}

/// An error response: problem details (RFC 9457).
#[derive(ToSchema, ToResponse)]
#[response(description = "Problem details (RFC 9457)", content_type = "application/problem+json")]
#[expect(dead_code, reason = "the shape of `shared_claims::problem::Problem`, for the document")]
pub struct ProblemDetails {
    r#type: String,
    title: String,
    status: u16,
    /// What happened, safe to show.
    detail: String,
    /// The fields that broke a rule (422 only).
    errors: Option<Vec<InvalidField>>,
}

/// A field that broke a rule.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the shape of `shared_claims::problem::FieldError`, for the document")]
pub struct InvalidField {
    field: String,
    message: String,
}

/// Adds the security schemes `password` (OAuth 2.0 with these scopes, at this token endpoint) and `bearer`.
pub fn authorize_at(document: &mut OpenApi, token_url: &str, scopes: Scopes) {
    let password = OAuth2::new([Flow::Password(Password::new(token_url, scopes))]);
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    let components = document.components.get_or_insert_with(Components::new);
    components.add_security_scheme("password", SecurityScheme::OAuth2(password));
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
}
