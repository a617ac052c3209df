//! `/oauth2/authorize` (RFC 6749 §3.1): where applications send people.

use actix_web::http::Method;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use service_kit::http::BODY_LIMIT;

use super::form::handle;
use super::respond::{see_page, show_error, show_unanswered};
use super::{Purpose, RequestPages};
use crate::domain::Initiator;
use crate::domain::authorization_request::Parameters;
use crate::http::caller::Caller;
use crate::pages::ErrorKind;
use crate::sign_in::{PendingSignIn, Progress, SignInError};

/// Begins a sign-in. A browser that is signed in may get its answer at once. `HEAD` has no effect (RFC 9110 §9.3.2): it would
/// store a code that nobody can read.
pub(in crate::http) async fn open(
    request: HttpRequest,
    mut pages: RequestPages,
    Caller(initiator): Caller,
) -> HttpResponse {
    if request.method() == Method::HEAD {
        return pages.bare_sign_in.show(&pages);
    }
    let parameters = match Parameters::parse(request.query_string()) {
        Ok(parameters) => parameters,
        Err(unanswered) => return show_unanswered(&pages, &initiator, unanswered, None),
    };
    pages.ask(parameters.ui_locales());
    let handle = match handle(&pages, &request, &initiator) {
        Ok(handle) => handle,
        Err(page) => return *page,
    };
    let pending = PendingSignIn::new(&parameters, pages.sign_ins.now_ms());
    let progress = pages.sign_ins.begin(&pending, handle, &initiator).await;
    let response = progress.and_then(|progress| match progress {
        Progress::Unanswered(unanswered) => {
            Ok(show_unanswered(&pages, &initiator, unanswered, parameters.client_id().ok()))
        }
        progress => pages.follow(progress, &initiator),
    });
    pages.or_failure(&initiator, response)
}

/// Begins a sign-in by a form of another site. The browser sends no cookie with such a post, so the request is judged when
/// it follows the redirect.
pub(in crate::http) async fn post(
    request: HttpRequest,
    mut pages: RequestPages,
    Caller(initiator): Caller,
    payload: web::Payload,
) -> HttpResponse {
    let refuse =
        |pages: &RequestPages, code: &str| show_error(pages, &initiator, ErrorKind::BadLink, code, None);
    if !request.content_type().eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return refuse(&pages, "unknown_content_type");
    }
    let Ok(Ok(body)) = payload.to_bytes_limited(BODY_LIMIT).await else {
        return refuse(&pages, "request_too_long");
    };
    let Ok(body) = std::str::from_utf8(&body) else { return refuse(&pages, "malformed_request") };
    let parameters = match Parameters::parse(body) {
        Ok(parameters) => parameters,
        Err(unanswered) => return show_unanswered(&pages, &initiator, unanswered, None),
    };
    pages.ask(parameters.ui_locales());
    let response = keep(&pages, &parameters, &initiator).await;
    pages.or_failure(&initiator, response)
}

async fn keep(
    pages: &RequestPages,
    parameters: &Parameters,
    initiator: &Initiator,
) -> Result<HttpResponse, SignInError> {
    let pending = PendingSignIn::new(parameters, pages.sign_ins.now_ms());
    if let Err(unanswered) = pages.sign_ins.check(&pending).await? {
        return Ok(show_unanswered(pages, initiator, unanswered, parameters.client_id().ok()));
    }
    let request = pages.sealed(Purpose::SignIn, &pending)?;
    Ok(see_page(pages, &format!("/login?request={request}")))
}
