//! The only place that knows actix: one file for each endpoint.

mod account;
mod body;
mod browser;
mod caller;
pub mod docs;
mod error;
mod grants;
mod login;
mod logout;
mod oauth2;
mod refresh;
pub mod revocations;
mod sessions;
mod token;
mod well_known;

use actix_web::web::{self, ServiceConfig};
use service_kit::http::resource;
use shared_claims::actix::BearerAuth;
use shared_claims::verifier::Verifier;

pub(crate) use self::account::UserResponse;
pub use self::browser::{BrowserSessions, Cookies};
pub use self::oauth2::ClientAuth;
pub use self::well_known::{Metadata, Published};
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
        .service(resource("/auth/register").post(account::register))
        .service(resource("/auth/token").post(token::token))
        .service(resource("/auth/login").post(login::login))
        .service(resource("/auth/refresh").post(refresh::refresh))
        .service(resource("/auth/logout").post(logout::logout))
        .service(resource("/auth/logout-all").post(logout::logout_all))
        .service(resource("/auth/me").get(account::me))
        .service(resource("/auth/sessions").get(sessions::list).delete(sessions::end_others))
        .service(resource("/auth/sessions/{sid}").delete(sessions::end))
        .configure(|config| oauth2::configure(config, &services.client_auth))
        .configure(|config| well_known::configure(config, services.published.issuer_path()))
        .service(resource("/revocations").get(revocations::show));
}
