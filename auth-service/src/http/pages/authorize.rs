//! `/oauth2/authorize` (RFC 6749 §3.1): where applications send people.

use actix_web::http::Method;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use service_kit::http::BODY_LIMIT;

use super::form::visitor;
use super::respond::{see_page, show_error, show_unanswered};
use super::{HostedPages, Purpose};
use crate::domain::Initiator;
use crate::domain::authorization_request::Parameters;
use crate::http::caller::Caller;
use crate::pages::ErrorKind;
use crate::sign_in::{Action, PendingSignIn, Progress, SignInError};

/// Begins a sign-in. A browser that is signed in may get its answer at once. `HEAD` has no effect (RFC 9110 §9.3.2): it would
/// store a code that nobody can read.
pub(in crate::http) async fn open(
    request: HttpRequest,
    pages: web::Data<HostedPages>,
    Caller(initiator): Caller,
) -> HttpResponse {
    if request.method() == Method::HEAD {
        return pages.bare_sign_in.show();
    }
    let parameters = match Parameters::parse(request.query_string()) {
        Ok(parameters) => parameters,
        Err(unanswered) => return show_unanswered(&pages, &initiator, unanswered, None),
    };
    let visitor = match visitor(&pages, &request, &initiator).await {
        Ok(visitor) => visitor,
        Err(page) => return *page,
    };
    let pending = PendingSignIn::new(&parameters, pages.sign_ins.now_ms());
    let progress =
        pages.sign_ins.advance(&pending, visitor.current.as_ref(), Action::opened(), &initiator).await;
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
    pages: web::Data<HostedPages>,
    Caller(initiator): Caller,
    payload: web::Payload,
) -> HttpResponse {
    let refuse = |code: &str| show_error(&pages, &initiator, ErrorKind::BadLink, code, None);
    if !request.content_type().eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return refuse("unknown_content_type");
    }
    let Ok(Ok(body)) = payload.to_bytes_limited(BODY_LIMIT).await else { return refuse("request_too_long") };
    let Ok(body) = std::str::from_utf8(&body) else { return refuse("malformed_request") };
    let response = keep(&pages, body, &initiator).await;
    pages.or_failure(&initiator, response)
}

async fn keep(pages: &HostedPages, body: &str, initiator: &Initiator) -> Result<HttpResponse, SignInError> {
    let parameters = match Parameters::parse(body) {
        Ok(parameters) => parameters,
        Err(unanswered) => return Ok(show_unanswered(pages, initiator, unanswered, None)),
    };
    let pending = PendingSignIn::new(&parameters, pages.sign_ins.now_ms());
    if let Err(unanswered) = pages.sign_ins.check(&pending).await? {
        return Ok(show_unanswered(pages, initiator, unanswered, parameters.client_id().ok()));
    }
    let request = pages.sealed(Purpose::SignIn, &pending)?;
    Ok(see_page(pages, &format!("/login?request={request}")))
}
