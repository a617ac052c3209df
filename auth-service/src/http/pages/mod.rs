//! The hosted pages: people sign in here, and applications send people here (OpenID Connect Core §3.1.2).

mod account;
mod address;
mod applications;
mod authorize;
mod consent;
mod cookie;
mod forgot;
mod form;
mod language;
mod login;
mod logout;
mod notice;
mod proceed;
mod register;
mod reset;
mod respond;
mod security;
mod sessions;
mod verify;

use std::collections::HashMap;
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::web::{self, ServiceConfig};
use service_kit::http::{CookieRules, Cors, Endpoint, resource};

use self::cookie::{LanguageCookie, SessionCookie};
use self::language::RequestPages;
use self::respond::{SharedPage, see_page, show_failure, show_unanswered, to_client};
use crate::accounts::Accounts;
use crate::domain::Initiator;
use crate::domain::authorization_request::UnansweredRequest;
use crate::http::DeviceCookies;
use crate::pages::{LinkKind, Page as PageView, Pages, ScopeTexts, SignIn, Stub};
use crate::seal::{Purpose, Seals};
use crate::sign_in::{NeededPage, Page, PendingSignIn, Progress, SignInError, SignIns};

/// What the hosted pages need. Cheap to clone.
#[derive(Clone)]
pub struct HostedPages {
    pages: Pages,
    sign_ins: SignIns,
    seals: Seals,
    accounts: Accounts,
    devices: DeviceCookies,
    cookie: SessionCookie,
    language_cookie: LanguageCookie,
    /// The sign-in form of nobody in particular, which is asked for most often.
    bare_sign_in: SharedPage,
    /// What the operator says about scopes, by their names.
    scope_texts: Arc<HashMap<String, ScopeTexts>>,
    issuer: Arc<str>,
    /// The issuer's origin, which the forms of pages have to come from.
    origin: Arc<str>,
    /// The path of the issuer, without a slash at its end.
    base_path: Arc<str>,
}

/// The parts that [`HostedPages`] is built from.
pub struct HostedPagesParts<'a> {
    /// Renders pages.
    pub pages: Pages,
    /// Signs people in.
    pub sign_ins: SignIns,
    /// Seals what pages carry.
    pub seals: Seals,
    /// Reads and sets the cookie for known devices.
    pub devices: DeviceCookies,
    /// Users.
    pub accounts: Accounts,
    /// What the operator says about scopes, by their names.
    pub scope_texts: HashMap<String, ScopeTexts>,
    /// How cookies are set.
    pub cookies: &'a CookieRules,
    /// The issuer's URL.
    pub issuer: &'a str,
    /// The path of the issuer, without a slash at its end.
    pub base_path: &'a str,
}

impl HostedPages {
    /// Builds the pages from their parts.
    pub fn new(parts: HostedPagesParts<'_>) -> Self {
        let origin = url::Url::parse(parts.issuer).map(|url| url.origin().ascii_serialization());
        let policy = parts.accounts.policy();
        let bare = SignIn {
            offers_registration: policy.is_registration_open,
            offers_reset: policy.sends_mail,
            ..SignIn::default()
        };
        Self {
            bare_sign_in: SharedPage::new(&parts.pages, &PageView::SignIn(bare)),
            pages: parts.pages,
            sign_ins: parts.sign_ins,
            seals: parts.seals,
            accounts: parts.accounts,
            devices: parts.devices,
            scope_texts: Arc::new(parts.scope_texts),
            cookie: SessionCookie::new(parts.cookies),
            language_cookie: LanguageCookie::new(parts.cookies),
            issuer: parts.issuer.into(),
            origin: origin.unwrap_or_default().into(),
            base_path: parts.base_path.into(),
        }
    }

    /// Seals a sign-in for a page.
    fn sealed(&self, purpose: Purpose, pending: &PendingSignIn) -> Result<String, SignInError> {
        Ok(self.seals.seal(purpose, pending)?)
    }

    /// The path of the page that follows, which carries the sign-in.
    fn path_of(&self, needed: &NeededPage) -> Result<String, SignInError> {
        let (path, purpose) = match needed.page {
            Page::SignIn | Page::ConfirmIdentity | Page::ChooseAccount { .. } => ("/login", Purpose::SignIn),
            Page::Consent(_) => ("/consent", Purpose::Consent),
            Page::Continue => ("/continue", Purpose::Continue),
        };
        Ok(format!("{path}?request={}", self.sealed(purpose, &needed.pending)?))
    }
}

impl RequestPages {
    /// Sends what follows: a redirect to a page of ours, or an answer for the client.
    fn follow(&self, progress: Progress, initiator: &Initiator) -> Result<HttpResponse, SignInError> {
        Ok(match progress {
            Progress::Page(needed) => see_page(self, &self.path_of(&needed)?),
            Progress::Response(response) => to_client(self, &response),
            Progress::Unanswered(unanswered) => self.show_ended(initiator, unanswered),
        })
    }

    /// The page for a sign-in whose client or redirect URI has gone since it began.
    fn show_ended(&self, initiator: &Initiator, unanswered: UnansweredRequest) -> HttpResponse {
        match unanswered {
            UnansweredRequest::UnknownClient | UnansweredRequest::UnknownRedirectUri => {
                respond::show(self, actix_web::http::StatusCode::GONE, &PageView::SignInEnded)
            }
            other => show_unanswered(self, initiator, other, None),
        }
    }

    /// The page for a mailed link that does not work.
    fn dead_link(&self, kind: LinkKind) -> HttpResponse {
        respond::show(self, actix_web::http::StatusCode::GONE, &PageView::DeadLink(kind))
    }

    /// The initiator of a change whose mail is written in the language of the page.
    fn in_language(&self, initiator: &Initiator) -> Initiator {
        initiator.clone().in_language(self.locale().lang())
    }

    /// The form of `/login` with the links that work here.
    fn sign_in_form(&self, offers_registration: bool) -> SignIn {
        let policy = self.accounts.policy();
        SignIn {
            offers_registration: offers_registration && policy.is_registration_open,
            offers_reset: policy.sends_mail,
            ..SignIn::default()
        }
    }

    /// Turns a failure into its page.
    fn or_failure(&self, initiator: &Initiator, response: Result<HttpResponse, SignInError>) -> HttpResponse {
        response.unwrap_or_else(|error| show_failure(self, initiator, &error))
    }
}

/// The application that a page names above its form. Its host is shown where the operator does not run it.
fn stub_of(needed: &NeededPage) -> Stub {
    let host = if needed.client.is_first_party { None } else { respond::host_of(&needed.redirect_uri) };
    Stub { app: needed.client.name.clone(), host }
}

/// Registers the pages. No other origin may read them.
pub(super) fn configure(config: &mut ServiceConfig, pages: &HostedPages) {
    let page = |path: &str| -> Endpoint { resource(path).cors(Cors::NoOrigin) };
    config
        .app_data(web::Data::new(pages.clone()))
        .default_service(web::to(account::nothing))
        .service(page("/oauth2/authorize").get(authorize::open).post(authorize::post))
        .service(page("/login").get(login::open).post(login::post))
        .service(page("/register").get(register::open).post(register::post))
        .service(page("/consent").get(consent::open).post(consent::post))
        .service(page("/continue").get(proceed::open).post(proceed::post))
        .service(page("/oauth2/logout").get(logout::request).post(logout::post_request))
        .service(page("/logout").get(logout::open).post(logout::post))
        .service(page("/forgot-password").get(forgot::open).post(forgot::post))
        .service(page("/reset-password").get(reset::open).post(reset::post))
        .service(page("/verify-email").get(verify::open).post(verify::post))
        .service(page("/account").get(account::open).post(account::post))
        .service(page("/account/email").get(address::open).post(address::post))
        .service(page("/account/security").get(security::open).post(security::post))
        .service(page("/account/sessions").get(sessions::open).post(sessions::post))
        .service(page("/account/applications").get(applications::open).post(applications::post))
        .service(page("/").get(account::home))
        .service(page("/assets/{name}").get(account::asset));
}
