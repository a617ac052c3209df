//! The language in which a request is answered.

use std::future::{Ready, ready};
use std::ops::Deref;

use actix_web::cookie::Cookie;
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::ACCEPT_LANGUAGE;
use actix_web::{FromRequest, HttpRequest, web};
use service_kit::http::HttpError;

use super::HostedPages;
use super::form::Fields;
use crate::pages::Locale;

/// The hosted pages for one request, in its language. The person's own choice comes first: the one of a page's link, which a
/// cookie keeps, else the one that was kept. Then come `ui_locales` of the application that waits, and the browser's
/// `Accept-Language`.
pub(super) struct RequestPages {
    pages: web::Data<HostedPages>,
    /// The choice that this request makes.
    chosen: Option<Locale>,
    /// The choice that the browser's cookie holds.
    remembered: Option<Locale>,
    /// What the application asks for. It counts for this sign-in only.
    asked: Option<Locale>,
    accepted: Option<Locale>,
}

impl RequestPages {
    /// The language.
    pub(super) fn locale(&self) -> Locale {
        let chosen = self.chosen.or(self.remembered);
        chosen.or(self.asked).or(self.accepted).unwrap_or_default()
    }

    /// Takes what an application asks for (OpenID Connect Core §3.1.2.1).
    pub(super) fn ask(&mut self, ui_locales: Option<&str>) {
        self.asked = ui_locales.and_then(Locale::of_ui_locales);
    }

    /// The cookie that keeps a choice, if this request makes one.
    pub(super) fn new_choice(&self) -> Option<Cookie<'static>> {
        let chosen = self.chosen.filter(|chosen| self.remembered != Some(*chosen))?;
        Some(self.language_cookie.set(chosen))
    }
}

impl Deref for RequestPages {
    type Target = HostedPages;

    fn deref(&self) -> &HostedPages {
        &self.pages
    }
}

impl FromRequest for RequestPages {
    type Error = HttpError;
    type Future = Ready<Result<Self, HttpError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let Some(pages) = request.app_data::<web::Data<HostedPages>>().cloned() else {
            return ready(Err(HttpError::new(StatusCode::INTERNAL_SERVER_ERROR, "There are no pages")));
        };
        // Below `/oauth2/` the parameter is the application's, not the person's.
        let is_applications = request.path().contains("/oauth2/");
        let chosen = (!is_applications).then(|| Fields::of_query(request));
        let accepted = request.headers().get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        ready(Ok(Self {
            chosen: chosen.and_then(|query| Locale::of_ui_locales(query.get("ui_locales"))),
            remembered: pages.language_cookie.read(request),
            asked: None,
            accepted: accepted.and_then(Locale::of_accept_language),
            pages,
        }))
    }
}
