//! `/account/security`: changes the password.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::RequestPages;
use super::account::{AccountPage, confirm_first};
use super::form::{Fields, posted_signed_in, signed_in};
use super::login::PAGES;
use super::notice::DoneNotice;
use super::register::error_of;
use super::respond::{see_page, show, throttled_notice, with_retry_after};
use crate::accounts::{AccountError, KeptSession, PasswordChange, PasswordChangeRequest};
use crate::domain::Initiator;
use crate::http::caller::Caller;
use crate::pages::{FormNotice, Page as PageView, PasswordError, Security};
use crate::passwords;
use crate::sign_in::{CurrentSession, SignInError};

/// Shows the form. The sign-in is confirmed before anything is typed.
pub(in crate::http) async fn open(
    request: HttpRequest,
    pages: RequestPages,
    Caller(initiator): Caller,
) -> HttpResponse {
    let current = match signed_in(&pages, &request, &initiator).await {
        Ok(current) => current,
        Err(page) => return *page,
    };
    let said = pages.said(&Fields::of_query(&request), Some(current.user.id));
    let is_changed = said == Some(DoneNotice::PasswordChanged);
    let response = confirm_first(&pages, &current, AccountPage::Security).map(|confirmation| {
        confirmation.unwrap_or_else(|| {
            let page = Security { user: current.user.username.clone(), is_changed, ..Security::default() };
            show(&pages, StatusCode::OK, &PageView::Security(page))
        })
    });
    pages.or_failure(&initiator, response)
}

/// Changes the password. The session of this browser stays, with a new handle.
pub(in crate::http) async fn post(
    request: HttpRequest,
    pages: RequestPages,
    Caller(initiator): Caller,
    payload: web::Payload,
) -> HttpResponse {
    let (fields, current) = match posted_signed_in(&pages, &request, payload, &initiator).await {
        Ok(posted) => posted,
        Err(page) => return *page,
    };
    let response = change(&pages, &current, &fields, &initiator).await;
    pages.or_failure(&initiator, response)
}

async fn change(
    pages: &RequestPages,
    current: &CurrentSession,
    fields: &Fields,
    initiator: &Initiator,
) -> Result<HttpResponse, SignInError> {
    if let Some(confirmation) = confirm_first(pages, current, AccountPage::Security)? {
        return Ok(confirmation);
    }
    let page = Security { user: current.user.username.clone(), ..Security::default() };
    let again = |status, page| Ok(show(pages, status, &PageView::Security(page)));
    if fields.get("current_password").is_empty() {
        let page = Security { current: Some(PasswordError::Empty), ..page };
        return again(StatusCode::UNPROCESSABLE_ENTITY, page);
    }
    let request = PasswordChangeRequest {
        user_id: current.user.id,
        kept: KeptSession::Browser(current.session.id),
        current: fields.get("current_password"),
        new: fields.get("new_password"),
    };
    match pages.accounts.change_password(request, PAGES, &pages.in_language(initiator)).await {
        Ok(PasswordChange::Changed(kept)) => {
            let said = DoneNotice::PasswordChanged;
            let path = pages.saying(AccountPage::Security.path(), said, Some(current.user.id))?;
            let mut response = see_page(pages, &path);
            if let Some(kept) = kept {
                let now_ms = pages.sign_ins.now_ms();
                let cookie = pages.cookie.renewed(&kept.handle, kept.session.expires_at_ms, now_ms);
                // Only a value with control characters cannot be a cookie.
                let _ = response.add_cookie(&cookie);
            }
            Ok(response)
        }
        Ok(PasswordChange::WrongPassword) => {
            let page = Security { current: Some(PasswordError::Wrong), ..page };
            again(StatusCode::UNPROCESSABLE_ENTITY, page)
        }
        Ok(PasswordChange::Invalid(broken)) => {
            let new = broken.first().map(|field| error_of(&field.rule));
            again(StatusCode::UNPROCESSABLE_ENTITY, Security { new, ..page })
        }
        Err(AccountError::Password(passwords::PasswordError::Overloaded(_)) | AccountError::Busy) => {
            let page = Security { notice: Some(FormNotice::Busy), ..page };
            again(StatusCode::SERVICE_UNAVAILABLE, page)
        }
        Err(AccountError::Throttled(throttled)) => {
            let page = Security { notice: Some(throttled_notice(throttled)), ..page };
            again(StatusCode::TOO_MANY_REQUESTS, page).map(|shown| with_retry_after(shown, throttled))
        }
        Err(error) => Err(error.into()),
    }
}
