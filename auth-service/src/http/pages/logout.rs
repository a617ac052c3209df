//! `/logout` signs the browser out. `/oauth2/logout` is where clients send people for it (OpenID Connect RP-Initiated
//! Logout 1.0).

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use service_kit::http::BODY_LIMIT;

use super::form::{Fields, Visitor, posted, visitor};
use super::respond::{back_to_client, see_page, show, show_error};
use super::{Purpose, RequestPages};
use crate::domain::{Handle, Initiator, InvalidLogoutRequest, LogoutRequest};
use crate::http::caller::Caller;
use crate::pages::{ErrorKind, Page as PageView, SignOut, SignedOut, Stub};
use crate::sign_in::{AfterLogout, CurrentSession, LoggedOut, LogoutStep, PendingLogout, SignInError};

/// Reads the request of a client. A browser that is signed in may get its answer at once.
pub(in crate::http) async fn request(
    request: HttpRequest,
    mut pages: RequestPages,
    Caller(initiator): Caller,
) -> HttpResponse {
    match LogoutRequest::parse(request.query_string()) {
        Ok(asked) => {
            pages.ask(asked.ui_locales.as_deref());
            let pending = PendingLogout { request: asked, ended: None };
            answer_opened(&request, &pages, pending, &initiator).await
        }
        Err(invalid) => refuse(&pages, &initiator, invalid),
    }
}

/// Keeps a request that a form of another site posted. The browser sends no cookie with such a post, so the request is
/// judged when it follows the redirect.
pub(in crate::http) async fn post_request(
    request: HttpRequest,
    pages: RequestPages,
    Caller(initiator): Caller,
    payload: web::Payload,
) -> HttpResponse {
    if !request.content_type().eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return show_error(&pages, &initiator, ErrorKind::BadLink, "unknown_content_type", None);
    }
    let Ok(Ok(body)) = payload.to_bytes_limited(BODY_LIMIT).await else {
        return refuse(&pages, &initiator, InvalidLogoutRequest::TooLong);
    };
    let asked = std::str::from_utf8(&body).map_err(|_| InvalidLogoutRequest::Malformed);
    match asked.and_then(LogoutRequest::parse) {
        Ok(asked) => {
            let pending = PendingLogout { request: asked, ended: None };
            let kept = see_logout(&pages, &pending);
            pages.or_failure(&initiator, kept)
        }
        Err(invalid) => refuse(&pages, &initiator, invalid),
    }
}

fn refuse(pages: &RequestPages, initiator: &Initiator, invalid: InvalidLogoutRequest) -> HttpResponse {
    tracing::warn!(error = %invalid, "logout.unreadable");
    let code = match invalid {
        InvalidLogoutRequest::TooLong => "request_too_long",
        InvalidLogoutRequest::Malformed => "malformed_request",
        InvalidLogoutRequest::Repeated(_) => "invalid_request",
    };
    show_error(pages, initiator, ErrorKind::BadLink, code, None)
}

/// Asks, where somebody is signed in, or judges the request that the address carries. Without a request of a client a page
/// that is only fetched changes nothing.
pub(in crate::http) async fn open(
    request: HttpRequest,
    mut pages: RequestPages,
    Caller(initiator): Caller,
) -> HttpResponse {
    let pending = pending(&mut pages, &Fields::of_query(&request));
    answer_opened(&request, &pages, pending, &initiator).await
}

/// Ends the browser's session with everything below it.
pub(in crate::http) async fn post(
    request: HttpRequest,
    mut pages: RequestPages,
    Caller(initiator): Caller,
    payload: web::Payload,
) -> HttpResponse {
    let (fields, visitor) = match posted(&pages, &request, payload, &initiator).await {
        Ok(posted) => posted,
        Err(page) => return *page,
    };
    let pending = pending(&mut pages, &fields);
    let step = pages.sign_ins.confirm_logout(&pending, signed_in(&visitor), &initiator).await;
    let response = step.and_then(|done| follow_posted(&pages, pending, done));
    let response = response.map(|response| without_cookie(&pages, &visitor, response));
    pages.or_failure(&initiator, response)
}

/// Where a press of the button leads: back to the client, or to a page that says what was ended.
fn follow_posted(
    pages: &RequestPages,
    pending: PendingLogout,
    done: LoggedOut,
) -> Result<HttpResponse, SignInError> {
    match done.after {
        AfterLogout::Client { redirect_uri, state } => {
            Ok(back_to_client(pages, &redirect_uri, state.as_deref()))
        }
        AfterLogout::Page { .. } => see_logout(pages, &PendingLogout { ended: done.ended, ..pending }),
    }
}

/// The sign-out that the field `request` carries; an empty one for nonsense. From then on the pages are in the language that
/// its application asks for, unless the person chose another.
fn pending(pages: &mut RequestPages, fields: &Fields) -> PendingLogout {
    let pending: PendingLogout =
        pages.seals.open(Purpose::SignOut, fields.get("request")).unwrap_or_default();
    pages.ask(pending.request.ui_locales.as_deref());
    pending
}

fn signed_in(visitor: &Visitor) -> Option<(&CurrentSession, &Handle)> {
    visitor.current.as_ref().zip(visitor.handle.as_ref())
}

/// Redirects to `/logout`, which goes on with this sign-out.
fn see_logout(pages: &RequestPages, pending: &PendingLogout) -> Result<HttpResponse, SignInError> {
    let request = pages.seals.seal(Purpose::SignOut, pending)?;
    Ok(see_page(pages, &format!("/logout?request={request}")))
}

async fn answer_opened(
    request: &HttpRequest,
    pages: &RequestPages,
    pending: PendingLogout,
    initiator: &Initiator,
) -> HttpResponse {
    // `HEAD` has no effect (RFC 9110 §9.3.2).
    if request.method() == Method::HEAD {
        return show(pages, StatusCode::OK, &PageView::SignOut(SignOut::default()));
    }
    let visitor = match visitor(pages, request, initiator).await {
        Ok(visitor) => visitor,
        Err(page) => return *page,
    };
    let response = show_or_follow(pages, &visitor, &pending, initiator).await;
    pages.or_failure(initiator, response)
}

async fn show_or_follow(
    pages: &RequestPages,
    visitor: &Visitor,
    pending: &PendingLogout,
    initiator: &Initiator,
) -> Result<HttpResponse, SignInError> {
    let done = match pages.sign_ins.judge_logout(pending, signed_in(visitor), initiator).await? {
        LogoutStep::Ask { client_name } => {
            let stub = client_name.map(|app| Stub { app, host: None });
            let request = pages.seals.seal(Purpose::SignOut, pending)?;
            let page = SignOut { stub, request: Some(request) };
            return Ok(show(pages, StatusCode::OK, &PageView::SignOut(page)));
        }
        LogoutStep::Done(done) => done,
    };
    let response = match done.after {
        AfterLogout::Client { redirect_uri, state } => back_to_client(pages, &redirect_uri, state.as_deref()),
        AfterLogout::Page { is_unregistered } => {
            let ended = done.ended.or(pending.ended);
            let apps = match ended {
                Some(ended) => pages.sign_ins.still_connected_after(ended).await?,
                None => Vec::new(),
            };
            let shown = PendingLogout { ended, ..pending.clone() };
            let request = Some(pages.seals.seal(Purpose::SignOut, &shown)?);
            let page = SignedOut { request, apps, is_return_unknown: is_unregistered };
            show(pages, StatusCode::OK, &PageView::SignedOut(page))
        }
    };
    Ok(without_cookie(pages, visitor, response))
}

/// Deletes the browser's cookie, which names no session any more.
pub(super) fn without_cookie(
    pages: &RequestPages,
    visitor: &Visitor,
    mut response: HttpResponse,
) -> HttpResponse {
    if visitor.handle.is_some() {
        // Only a value with control characters cannot be a cookie.
        let _ = response.add_cookie(&pages.cookie.cleared());
    }
    response
}
