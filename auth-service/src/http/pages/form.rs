//! Reads what a browser opens and posts. Posts must come from a page of ours.

use actix_web::http::Method;
use actix_web::http::header::{HeaderMap, ORIGIN};
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use service_kit::http::BODY_LIMIT;

use super::account::AccountPage;
use super::login::AfterSignIn;
use super::respond::{see_page, show_error, show_failure};
use super::{Purpose, RequestPages};
use crate::domain::{Handle, Initiator};
use crate::pages::ErrorKind;
use crate::sign_in::{CurrentSession, PendingSignIn};

/// The fields of a posted form, or the parameters of an address. They may be secrets, so `Debug` is not implemented.
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// The parameters of the address. Odd ones are no error: each page has something to show without them.
    pub(super) fn of_query(request: &HttpRequest) -> Self {
        Self::parse(request.query_string().as_bytes())
    }

    fn parse(encoded: &[u8]) -> Self {
        let fields = url::form_urlencoded::parse(encoded);
        Self(fields.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// The value of a field; an empty text if it is missing.
    pub(super) fn get(&self, name: &str) -> &str {
        let mut found = self.0.iter().filter(|(field, _)| field == name);
        found.next().map_or("", |(_, value)| value)
    }

    /// Opens the sign-in that the field `request` carries, if it was sealed for this page. From then on the pages are in the
    /// language that its application asks for, unless the person chose another.
    pub(super) fn pending(&self, pages: &mut RequestPages, purpose: Purpose) -> Option<PendingSignIn> {
        let pending: PendingSignIn = pages.seals.open(purpose, self.get("request"))?;
        ask_in_language_of(pages, &pending);
        Some(pending)
    }

    /// What follows the sign-in of the field `request`. What does not open is treated as a bare address: the account follows.
    pub(super) fn after_sign_in(&self, pages: &mut RequestPages) -> AfterSignIn {
        let opened = pages.seals.open(Purpose::SignIn, self.get("request"));
        let after = opened.unwrap_or(AfterSignIn::Account(AccountPage::Overview));
        if let AfterSignIn::Application(pending) = &after {
            ask_in_language_of(pages, pending);
        }
        after
    }
}

fn ask_in_language_of(pages: &mut RequestPages, pending: &PendingSignIn) {
    if let Ok(parameters) = pending.parameters() {
        pages.ask(parameters.ui_locales());
    }
}

/// Who opened or posted a page.
pub(super) struct Visitor {
    /// The handle of the browser's cookie.
    pub(super) handle: Option<Handle>,
    /// The session that it names, if it is live.
    pub(super) current: Option<CurrentSession>,
}

/// Reads the handle of the browser's cookie.
///
/// # Errors
/// The page to show instead.
pub(super) fn handle(
    pages: &RequestPages,
    request: &HttpRequest,
    initiator: &Initiator,
) -> Result<Option<Handle>, Box<HttpResponse>> {
    pages
        .cookie
        .read(request)
        .map_err(|_| Box::new(show_error(pages, initiator, ErrorKind::BadLink, "cookie_given_twice", None)))
}

/// Finds the browser's session.
///
/// # Errors
/// The page to show instead.
pub(super) async fn visitor(
    pages: &RequestPages,
    request: &HttpRequest,
    initiator: &Initiator,
) -> Result<Visitor, Box<HttpResponse>> {
    let handle = handle(pages, request, initiator)?;
    match pages.sign_ins.current(handle.clone()).await {
        Ok(current) => Ok(Visitor { handle, current }),
        Err(error) => Err(Box::new(show_failure(pages, initiator, &error))),
    }
}

/// Reads an address that was opened, and finds the browser's session. `HEAD` has no effect (RFC 9110 §9.3.2): it would store a
/// code that nobody can read.
///
/// # Errors
/// The page to show instead.
pub(super) async fn opened(
    pages: &RequestPages,
    request: &HttpRequest,
    initiator: &Initiator,
) -> Result<(Fields, Visitor), Box<HttpResponse>> {
    if request.method() == Method::HEAD {
        return Err(Box::new(pages.bare_sign_in.show(pages)));
    }
    Ok((Fields::of_query(request), visitor(pages, request, initiator).await?))
}

/// Reads a posted form of ours, and finds the browser's session.
///
/// # Errors
/// The page to show instead.
pub(super) async fn posted(
    pages: &RequestPages,
    request: &HttpRequest,
    payload: web::Payload,
    initiator: &Initiator,
) -> Result<(Fields, Visitor), Box<HttpResponse>> {
    let refuse = |code: &str| Err(Box::new(show_error(pages, initiator, ErrorKind::ForeignForm, code, None)));
    if !is_own(request.headers(), &pages.origin) {
        return refuse("foreign_form");
    }
    if !request.content_type().eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return refuse("unknown_content_type");
    }
    let Ok(Ok(body)) = payload.to_bytes_limited(BODY_LIMIT).await else { return refuse("body_too_large") };
    Ok((Fields::parse(&body), visitor(pages, request, initiator).await?))
}

/// Finds out who is signed in, for a page of the account.
///
/// # Errors
/// The page to show instead: that of the sign-in, if nobody is.
pub(super) async fn signed_in(
    pages: &RequestPages,
    request: &HttpRequest,
    initiator: &Initiator,
) -> Result<CurrentSession, Box<HttpResponse>> {
    visitor(pages, request, initiator).await?.into_signed_in(pages)
}

/// Reads a posted form of a page of the account, and finds out who is signed in.
///
/// # Errors
/// The page to show instead: that of the sign-in, if nobody is.
pub(super) async fn posted_signed_in(
    pages: &RequestPages,
    request: &HttpRequest,
    payload: web::Payload,
    initiator: &Initiator,
) -> Result<(Fields, CurrentSession), Box<HttpResponse>> {
    let (fields, visitor) = posted(pages, request, payload, initiator).await?;
    Ok((fields, visitor.into_signed_in(pages)?))
}

impl Visitor {
    fn into_signed_in(self, pages: &RequestPages) -> Result<CurrentSession, Box<HttpResponse>> {
        self.current.ok_or_else(|| Box::new(see_page(pages, "/login")))
    }
}

/// Whether a form was posted from a page of ours: by its `Origin`, or without one by `Sec-Fetch-Site`. `null` says as little
/// as no `Origin`. Origins that may call the API do not count here.
fn is_own(headers: &HeaderMap, own_origin: &str) -> bool {
    let mut origins = headers.get_all(ORIGIN);
    match (origins.next(), origins.next()) {
        (Some(origin), None) if origin != "null" => origin.as_bytes() == own_origin.as_bytes(),
        (_, None) => {
            let mut sites = headers.get_all("sec-fetch-site");
            sites.next().is_some_and(|site| site == "same-origin") && sites.next().is_none()
        }
        (_, Some(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn only_forms_of_our_own_pages_count() {
        let is_own = |headers: &[(&'static str, &'static str)]| {
            let request =
                headers.iter().fold(TestRequest::post(), |request, header| request.append_header(*header));
            is_own(request.to_http_request().headers(), "https://id.example")
        };
        for own in [
            &[("origin", "https://id.example")][..],
            &[("origin", "null"), ("sec-fetch-site", "same-origin")],
            &[("sec-fetch-site", "same-origin")],
        ] {
            assert!(is_own(own), "{own:?}");
        }
        for foreign in [
            &[][..],
            &[("origin", "null")],
            &[("origin", "https://evil.example")],
            &[("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")],
            &[("origin", "http://id.example")],
            &[("origin", "https://id.example:444")],
            &[("origin", "https://id.example"), ("origin", "https://id.example")],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "none")],
            &[("origin", "null"), ("sec-fetch-site", "cross-site")],
        ] {
            assert!(!is_own(foreign), "{foreign:?}");
        }
    }
}
