//! The HTTP endpoints. Only this module and `startup` use actix-web.

mod account;
mod applications;
mod body;
mod browser;
mod caller;
mod device;
pub mod docs;
mod email;
mod error;
mod grants;
mod login;
mod logout;
mod oauth2;
mod pages;
mod passwords;
mod proxy_watch;
mod rate_limit;
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
pub use self::device::DeviceCookies;
pub use self::oauth2::ClientAuth;
pub use self::pages::{HostedPages, HostedPagesParts};
pub use self::proxy_watch::ProxyWatch;
pub use self::well_known::{Metadata, PublishedMetadata};
use crate::accounts::Accounts;
use crate::keys::KeyStore;
use crate::tokens::Tokens;

/// The components that the endpoints use. Cheap to clone.
#[derive(Clone)]
pub struct Services {
    /// The use cases around users.
    pub accounts: Accounts,
    /// The use cases around tokens.
    pub tokens: Tokens,
    /// Authenticates OAuth clients.
    pub client_auth: ClientAuth,
    /// Verifies tokens of this issuer, for any audience.
    pub issued: Verifier,
    /// The signing keys.
    pub keys: KeyStore,
    /// Authenticates requests that carry an access token.
    pub bearer: BearerAuth,
    /// Sets and clears the cookies of a browser.
    pub cookies: Cookies,
    /// Finds the sessions that a browser's cookies name.
    pub browser: BrowserSessions,
    /// Reads and sets the cookie for known devices.
    pub devices: DeviceCookies,
    /// The issuer's metadata.
    pub published: PublishedMetadata,
    /// The revocation feed.
    pub feed: revocations::Feed,
    /// The hosted pages.
    pub pages: HostedPages,
    /// Notices a proxy that the settings do not name.
    pub proxy_watch: web::Data<ProxyWatch>,
}

/// Registers the endpoints and the components that they use.
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
        .app_data(web::Data::new(services.devices.clone()))
        .app_data(web::Data::new(services.published.clone()))
        .app_data(web::Data::new(services.feed.clone()))
        .app_data(services.proxy_watch.clone())
        // The router compares a path with one resource after the other, so what programs ask for stands first.
        .configure(|config| well_known::configure(config, services.published.issuer_path()))
        .configure(|config| oauth2::configure(config, &services.client_auth))
        .service(resource("/auth/register").post(account::register))
        .service(resource("/auth/token").post(token::token))
        .service(resource("/auth/login").post(login::login))
        .service(resource("/auth/refresh").post(refresh::refresh))
        .service(resource("/auth/logout").post(logout::logout))
        .service(resource("/auth/logout-all").post(logout::logout_all))
        .service(resource("/auth/me").get(account::me))
        .service(resource("/auth/password").post(passwords::change))
        .service(resource("/auth/password/forgot").post(passwords::forgot))
        .service(resource("/auth/password/reset").post(passwords::reset))
        .service(resource("/auth/email").post(email::change))
        .service(resource("/auth/email/verify").post(email::verify))
        .service(resource("/auth/email/verify/request").post(email::request_verification))
        .service(resource("/auth/sessions").get(sessions::list).delete(sessions::end_others))
        .service(resource("/auth/sessions/{sid}").delete(sessions::end))
        .service(resource("/auth/applications").get(applications::list))
        .service(resource("/auth/applications/{client_id}").delete(applications::disconnect))
        .configure(|config| pages::configure(config, &services.pages))
        .service(resource("/revocations").get(revocations::show));
}
