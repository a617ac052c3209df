//! `/account/email`: asks for another address.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::RequestPages;
use super::account::{AccountPage, confirm_first};
use super::form::{Fields, posted_signed_in, signed_in};
use super::login::PAGES;
use super::notice::DoneNotice;
use super::respond::{see_page, show, throttled_notice, with_retry_after};
use crate::accounts::{AccountError, AddressChange};
use crate::domain::{Email, Initiator};
use crate::http::caller::Caller;
use crate::pages::{ChangeAddress, FormNotice, NoMail, Page as PageView, PasswordError};
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
    if !pages.accounts.policy().sends_mail {
        return show(&pages, StatusCode::OK, &PageView::NoMail(NoMail::ChangeAddress));
    }
    let response = confirm_first(&pages, &current, AccountPage::Email).map(|confirmation| {
        confirmation.unwrap_or_else(|| {
            let page = ChangeAddress { user: current.user.username.clone(), ..ChangeAddress::default() };
            show(&pages, StatusCode::OK, &PageView::ChangeAddress(page))
        })
    });
    pages.or_failure(&initiator, response)
}

/// Sends a link to the address. Nothing changes before it is confirmed.
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
    let response = ask(&pages, &current, &fields, &initiator).await;
    pages.or_failure(&initiator, response)
}

async fn ask(
    pages: &RequestPages,
    current: &CurrentSession,
    fields: &Fields,
    initiator: &Initiator,
) -> Result<HttpResponse, SignInError> {
    if let Some(confirmation) = confirm_first(pages, current, AccountPage::Email)? {
        return Ok(confirmation);
    }
    let (email, password) = (fields.get("email").trim(), fields.get("password"));
    let page = ChangeAddress {
        user: current.user.username.clone(),
        email: email.to_owned(),
        is_unreadable: Email::parse(email).is_err(),
        password: password.is_empty().then_some(PasswordError::Empty),
        notice: None,
    };
    let again = |status, page| Ok(show(pages, status, &PageView::ChangeAddress(page)));
    if page.is_unreadable || page.password.is_some() {
        return again(StatusCode::UNPROCESSABLE_ENTITY, page);
    }
    let (user_id, in_language) = (current.user.id, pages.in_language(initiator));
    match pages.accounts.request_address_change(user_id, email, password, PAGES, &in_language).await {
        Ok(AddressChange::Requested) => {
            let path = AccountPage::Overview.path();
            Ok(see_page(pages, &pages.saying(path, DoneNotice::AddressAsked, Some(user_id))?))
        }
        Ok(AddressChange::WrongPassword) => {
            let page = ChangeAddress { password: Some(PasswordError::Wrong), ..page };
            again(StatusCode::UNPROCESSABLE_ENTITY, page)
        }
        Ok(AddressChange::Invalid(_)) => {
            again(StatusCode::UNPROCESSABLE_ENTITY, ChangeAddress { is_unreadable: true, ..page })
        }
        Ok(AddressChange::NoMail) => {
            Ok(show(pages, StatusCode::NOT_IMPLEMENTED, &PageView::NoMail(NoMail::ChangeAddress)))
        }
        Err(AccountError::Password(passwords::PasswordError::Overloaded(_)) | AccountError::Busy) => {
            let page = ChangeAddress { notice: Some(FormNotice::Busy), ..page };
            again(StatusCode::SERVICE_UNAVAILABLE, page)
        }
        Err(AccountError::Throttled(throttled)) => {
            let page = ChangeAddress { notice: Some(throttled_notice(throttled)), ..page };
            again(StatusCode::TOO_MANY_REQUESTS, page).map(|shown| with_retry_after(shown, throttled))
        }
        Err(error) => Err(error.into()),
    }
}
