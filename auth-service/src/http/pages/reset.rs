//! `/reset-password`: a new password, by a mailed link. To open it changes nothing, because mail scanners open links, too.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::RequestPages;
use super::form::{opened, posted};
use super::login::PAGES;
use super::notice::DoneNotice;
use super::register::error_of;
use super::respond::{see_page, show, throttled_notice, with_retry_after};
use crate::accounts::{AccountError, LinkPage, Reset};
use crate::domain::Initiator;
use crate::http::caller::Caller;
use crate::pages::{FormNotice, LinkKind, Page as PageView, ResetPassword};
use crate::passwords::PasswordError;
use crate::sign_in::SignInError;

/// Shows the form, whoever is signed in here, or says that the link does not work.
pub(in crate::http) async fn open(
    request: HttpRequest,
    pages: RequestPages,
    Caller(initiator): Caller,
) -> HttpResponse {
    let query = match opened(&pages, &request, &initiator).await {
        Ok((query, _)) => query,
        Err(page) => return *page,
    };
    let form = ResetPassword { token: query.get("token").to_owned(), ..ResetPassword::default() };
    let response = show_form(&pages, StatusCode::OK, form).await;
    pages.or_failure(&initiator, response)
}

/// Shows the form for the user of the link.
async fn show_form(
    pages: &RequestPages,
    status: StatusCode,
    form: ResetPassword,
) -> Result<HttpResponse, SignInError> {
    let found = pages.accounts.look_up(&form.token, LinkPage::ResetPassword).await?;
    Ok(match found.ok().and_then(|live| live.user) {
        Some(user) => {
            let form = ResetPassword { user: user.username, ..form };
            show(pages, status, &PageView::ResetPassword(form))
        }
        None => pages.dead_link(LinkKind::Reset),
    })
}

/// Sets the password. Nobody is signed in by it.
pub(in crate::http) async fn post(
    request: HttpRequest,
    pages: RequestPages,
    Caller(initiator): Caller,
    payload: web::Payload,
) -> HttpResponse {
    let fields = match posted(&pages, &request, payload, &initiator).await {
        Ok((fields, _)) => fields,
        Err(page) => return *page,
    };
    let response = reset(&pages, fields.get("token"), fields.get("password"), &initiator).await;
    pages.or_failure(&initiator, response)
}

async fn reset(
    pages: &RequestPages,
    token: &str,
    password: &str,
    initiator: &Initiator,
) -> Result<HttpResponse, SignInError> {
    let form = ResetPassword { token: token.to_owned(), ..ResetPassword::default() };
    let done = pages.accounts.reset(token, password, PAGES, &pages.in_language(initiator)).await;
    match done {
        Ok(Reset::Done) => Ok(see_page(pages, &pages.saying("/login", DoneNotice::PasswordReset, None)?)),
        Ok(Reset::Dead(_)) => Ok(pages.dead_link(LinkKind::Reset)),
        Ok(Reset::Invalid(broken)) => {
            let error = broken.first().map(|field| error_of(&field.rule));
            show_form(pages, StatusCode::UNPROCESSABLE_ENTITY, ResetPassword { error, ..form }).await
        }
        Err(AccountError::Password(PasswordError::Overloaded(_)) | AccountError::Busy) => {
            let notice = Some(FormNotice::Busy);
            show_form(pages, StatusCode::SERVICE_UNAVAILABLE, ResetPassword { notice, ..form }).await
        }
        Err(AccountError::Throttled(throttled)) => {
            let form = ResetPassword { notice: Some(throttled_notice(throttled)), ..form };
            let shown = show_form(pages, StatusCode::TOO_MANY_REQUESTS, form).await?;
            Ok(with_retry_after(shown, throttled))
        }
        Err(error) => Err(error.into()),
    }
}
