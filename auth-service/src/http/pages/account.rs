//! `/account`: who is signed in, and the address; the files that pages load; and the page for addresses at which there is nothing.

use actix_web::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use service_kit::http::{HttpError, Path};

use super::form::{Fields, posted_signed_in, signed_in, visitor};
use super::login::AfterSignIn;
use super::notice::DoneNotice;
use super::respond::{see_page, show, show_error, throttled_notice, with_retry_after};
use super::{HostedPages, Purpose, RequestPages};
use crate::accounts::{AccountError, MailWish};
use crate::domain::{Initiator, User};
use crate::http::caller::Caller;
use crate::pages::{Account, AccountDone, ErrorKind, Page as PageView};
use crate::sign_in::{CurrentSession, SignInError};

/// The pages of the account. A sign-in may lead back to one of them, and to no other address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum AccountPage {
    /// `/account`.
    #[default]
    Overview,
    /// `/account/sessions`.
    Sessions,
    /// `/account/applications`.
    Applications,
    /// `/account/security`.
    Security,
    /// `/account/email`.
    Email,
}

impl AccountPage {
    /// The path of the page.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Overview => "/account",
            Self::Sessions => "/account/sessions",
            Self::Applications => "/account/applications",
            Self::Security => "/account/security",
            Self::Email => "/account/email",
        }
    }
}

/// Leads to "Confirm it is you" unless the person signed in recently, and from there back to the page. `None` if the change may
/// be made now. The change itself is not carried along: the person presses the button again, and sees what it is about.
pub(super) fn confirm_first(
    pages: &RequestPages,
    current: &CurrentSession,
    page: AccountPage,
) -> Result<Option<HttpResponse>, SignInError> {
    if current.is_recent(pages.sign_ins.now_ms()) {
        return Ok(None);
    }
    let request = pages.seals.seal(Purpose::SignIn, &AfterSignIn::Account(page))?;
    Ok(Some(see_page(pages, &format!("/login?request={request}"))))
}

/// Shows who is signed in.
pub(in crate::http) async fn open(
    request: HttpRequest,
    pages: RequestPages,
    Caller(initiator): Caller,
) -> HttpResponse {
    match signed_in(&pages, &request, &initiator).await {
        Ok(current) => {
            let said = pages.said(&Fields::of_query(&request), Some(current.user.id));
            let account = overview(&pages, current, said.as_ref());
            show(&pages, StatusCode::OK, &PageView::Account(account))
        }
        Err(page) => *page,
    }
}

fn overview(pages: &RequestPages, current: CurrentSession, said: Option<&DoneNotice>) -> Account {
    let User { username, email, email_verified, pending_email, .. } = current.user;
    let done = match said {
        Some(DoneNotice::LinkSent) => Some(AccountDone::LinkSent),
        Some(DoneNotice::AddressAsked) => Some(AccountDone::AddressAsked),
        _ => None,
    };
    Account {
        user: username,
        email: email.map(|address| (address, email_verified)),
        pending_email,
        sends_mail: pages.accounts.policy().sends_mail,
        done,
        notice: None,
    }
}

/// Mails the link again that verifies the address.
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
    let response = send_link(&pages, current, fields.get("mail"), &initiator).await;
    pages.or_failure(&initiator, response)
}

async fn send_link(
    pages: &RequestPages,
    current: CurrentSession,
    mail: &str,
    initiator: &Initiator,
) -> Result<HttpResponse, SignInError> {
    let path = AccountPage::Overview.path();
    let user = &current.user;
    if mail != "verify" || user.email.is_none() || user.email_verified {
        return Ok(see_page(pages, path));
    }
    match pages.accounts.request_verification(&user.username, &pages.in_language(initiator)).await {
        Ok(MailWish::Queued) => {
            Ok(see_page(pages, &pages.saying(path, DoneNotice::LinkSent, Some(user.id))?))
        }
        // The page says that no mail is sent.
        Ok(MailWish::NoMail | MailWish::Invalid) => Ok(see_page(pages, path)),
        Err(AccountError::Throttled(throttled)) => {
            let account = overview(pages, current, None);
            let account = Account { notice: Some(throttled_notice(throttled)), ..account };
            let shown = show(pages, StatusCode::TOO_MANY_REQUESTS, &PageView::Account(account));
            Ok(with_retry_after(shown, throttled))
        }
        Err(error) => Err(error.into()),
    }
}

/// Leads to the account, or to the sign-in.
pub(in crate::http) async fn home(
    request: HttpRequest,
    pages: RequestPages,
    Caller(initiator): Caller,
) -> HttpResponse {
    match visitor(&pages, &request, &initiator).await {
        Ok(visitor) => see_page(&pages, if visitor.current.is_some() { "/account" } else { "/login" }),
        Err(page) => *page,
    }
}

/// Where there is nothing: a page for people, and a problem (RFC 9457) for programs. Browsers that open an address accept
/// `text/html` by name.
pub(super) async fn nothing(
    request: HttpRequest,
    pages: RequestPages,
    Caller(initiator): Caller,
) -> Result<HttpResponse, HttpError> {
    let mut accepted = request.headers().get_all(ACCEPT).filter_map(|value| value.to_str().ok());
    let is_opened = matches!(*request.method(), Method::GET | Method::HEAD);
    if is_opened && accepted.any(|types| types.contains("text/html")) {
        return Ok(show_error(&pages, &initiator, ErrorKind::NotFound, "not_found", None));
    }
    Err(HttpError::not_found())
}

/// Sends a file. Its name holds its hash, so it may be kept for ever.
pub(in crate::http) async fn asset(
    pages: web::Data<HostedPages>,
    name: Path<String>,
) -> Result<HttpResponse, HttpError> {
    let not_found = || HttpError::new(StatusCode::NOT_FOUND, "Not found");
    let asset = pages.pages.asset(&name).ok_or_else(not_found)?;
    let mut response = HttpResponse::Ok();
    response
        .content_type(asset.content_type)
        .insert_header((CACHE_CONTROL, "public, max-age=31536000, immutable"));
    if let Some(policy) = asset.policy {
        response.insert_header((CONTENT_SECURITY_POLICY, policy));
    }
    Ok(response.body(asset.body.clone()))
}
