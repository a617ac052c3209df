//! The only place that knows actix: one file for each endpoint.

mod body;
mod browser;
mod caller;
mod cookies;
mod credentials;
mod discovery;
pub mod docs;
pub mod feed_access;
mod jwks;
mod login;
mod logout;
mod logout_all;
mod me;
mod oauth2;
mod refresh;
mod refuse;
mod register;
pub mod revocations;
mod sessions;
mod token;
mod view;

use actix_web::web::{self, ServiceConfig};
use service_kit::http::{Cors, resource};
use shared_claims::actix::BearerAuth;
use shared_claims::verifier::Verifier;

pub use self::browser::BrowserSessions;
pub use self::cookies::Cookies;
pub use self::discovery::{Metadata, Published};
pub use self::oauth2::ClientAuth;
pub(crate) use self::view::UserResponse;
use crate::accounts::Accounts;
use crate::keys::KeyStore;
use crate::pages::Pages;
use crate::tokens::Tokens;

/// What the endpoints need. Cheap to clone.
#[derive(Clone)]
pub struct Services {
    /// Users.
    pub accounts: Accounts,
    /// Tokens.
    pub tokens: Tokens,
    /// How OAuth clients authenticate.
    pub client_auth: ClientAuth,
    /// Verifies every token that we issued, whomever it is for.
    pub issued: Verifier,
    /// Keys.
    pub keys: KeyStore,
    /// How requests with an access token authenticate.
    pub bearer: BearerAuth,
    /// How cookies are set.
    pub cookies: Cookies,
    /// What a browser's cookies name.
    pub browser: BrowserSessions,
    /// What is published of this issuer.
    pub published: Published,
    /// The feed.
    pub feed: revocations::Feed,
    /// The hosted pages.
    pub pages: Pages,
}

/// Registers the endpoints and what they need.
pub fn configure(config: &mut ServiceConfig, services: &Services) {
    config
        .app_data(web::Data::new(services.accounts.clone()))
        .app_data(web::Data::new(services.tokens.clone()))
        .app_data(web::Data::new(services.client_auth.clone()))
        .app_data(web::Data::new(services.issued.clone()))
        .app_data(web::Data::new(services.keys.clone()))
        .app_data(web::Data::new(services.bearer.clone()))
        .app_data(web::Data::new(services.cookies.clone()))
        .app_data(web::Data::new(services.browser.clone()))
        .app_data(web::Data::new(services.published.clone()))
        .app_data(web::Data::new(services.feed.clone()))
        .app_data(web::Data::new(services.pages.clone()))
        .service(resource("/auth/register").post(register::register))
        .service(resource("/auth/token").post(token::token))
        .service(resource("/auth/login").post(login::login))
        .service(resource("/auth/refresh").post(refresh::refresh))
        .service(resource("/auth/logout").post(logout::logout))
        .service(resource("/auth/logout-all").post(logout_all::logout_all))
        .service(resource("/auth/me").get(me::me))
        .service(resource("/auth/sessions").get(sessions::list).delete(sessions::end_others))
        .service(resource("/auth/sessions/{sid}").delete(sessions::end))
        .configure(|config| oauth2::configure(config, &services.client_auth))
        .service(resource("/.well-known/jwks.json").cors(Cors::AnyOrigin).get(jwks::show))
        .configure(|config| discovery::configure(config, services.published.issuer_path()))
        .service(resource("/revocations").get(revocations::show));
}
