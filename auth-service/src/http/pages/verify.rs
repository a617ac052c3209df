//! `/verify-email`: proves that an address is one's own, by a mailed link. To open it changes nothing. The button does, for the
//! account's own session or with its password: whoever owns the mailbox must not verify it for somebody else's account.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::RequestPages;
use super::form::{opened, posted};
use super::login::PAGES;
use super::notice::DoneNotice;
use super::respond::{see_page, show, throttled_notice, with_retry_after};
use crate::accounts::{AccountError, AddressProof, AddressVerification, LinkPage, RECENT_SIGN_IN_S};
use crate::domain::Initiator;
use crate::http::caller::Caller;
use crate::pages::{FormNotice, LinkKind, Page as PageView, PasswordError, VerifyEmail};
use crate::passwords;
use crate::sign_in::{CurrentSession, SignInError};

/// Shows the button, whoever is signed in here, or says that the link does not work.
pub(in crate::http) async fn open(
    request: HttpRequest,
    pages: RequestPages,
    Caller(initiator): Caller,
) -> HttpResponse {
    let (query, visitor) = match opened(&pages, &request, &initiator).await {
        Ok(opened) => opened,
        Err(page) => return *page,
    };
    if pages.said(&query, None) == Some(DoneNotice::EmailVerified) {
        return show(&pages, StatusCode::OK, &PageView::EmailVerified);
    }
    let form = VerifyEmail { token: query.get("token").to_owned(), ..VerifyEmail::default() };
    let response = show_form(&pages, StatusCode::OK, visitor.current.as_ref(), form).await;
    pages.or_failure(&initiator, response)
}

/// Shows the button for the address and the user of the link. Asks for the password unless the user signed in here recently.
async fn show_form(
    pages: &RequestPages,
    status: StatusCode,
    current: Option<&CurrentSession>,
    form: VerifyEmail,
) -> Result<HttpResponse, SignInError> {
    let found = pages.accounts.look_up(&form.token, LinkPage::VerifyEmail).await?;
    let Some((user, email)) = found.ok().and_then(|live| Some((live.user?, live.email))) else {
        return Ok(pages.dead_link(LinkKind::Verification));
    };
    let now_s = pages.sign_ins.now_ms().div_euclid(1000);
    let is_proven = current.is_some_and(|current| {
        let signed_in_s = current.signed_in_at_ms.div_euclid(1000);
        current.user.id == user.id && now_s <= signed_in_s.saturating_add(RECENT_SIGN_IN_S)
    });
    let asks_password = !is_proven || form.error.is_some();
    let form = VerifyEmail { user: user.username, email, asks_password, ..form };
    Ok(show(pages, status, &PageView::VerifyEmail(form)))
}

/// Verifies the address.
pub(in crate::http) async fn post(
    request: HttpRequest,
    pages: RequestPages,
    Caller(initiator): Caller,
    payload: web::Payload,
) -> HttpResponse {
    let (fields, visitor) = match posted(&pages, &request, payload, &initiator).await {
        Ok(posted) => posted,
        Err(page) => return *page,
    };
    let (token, password) = (fields.get("token"), fields.get("password"));
    let response = verify(&pages, visitor.current.as_ref(), token, password, &initiator).await;
    pages.or_failure(&initiator, response)
}

async fn verify(
    pages: &RequestPages,
    current: Option<&CurrentSession>,
    token: &str,
    password: &str,
    initiator: &Initiator,
) -> Result<HttpResponse, SignInError> {
    let form = VerifyEmail { token: token.to_owned(), ..VerifyEmail::default() };
    let proof = AddressProof {
        session: current.map(|current| (current.user.id, current.signed_in_at_ms.div_euclid(1000))),
        password: Some(password).filter(|password| !password.is_empty()),
    };
    match pages.accounts.verify_address(token, proof, PAGES, &pages.in_language(initiator)).await {
        Ok(AddressVerification::Verified) => {
            Ok(see_page(pages, &pages.saying("/verify-email", DoneNotice::EmailVerified, None)?))
        }
        Ok(AddressVerification::NotProven) => {
            let error = if password.is_empty() { PasswordError::Empty } else { PasswordError::Wrong };
            let form = VerifyEmail { error: Some(error), ..form };
            show_form(pages, StatusCode::UNPROCESSABLE_ENTITY, current, form).await
        }
        Ok(AddressVerification::Dead(_)) => Ok(pages.dead_link(LinkKind::Verification)),
        Err(AccountError::Password(passwords::PasswordError::Overloaded(_)) | AccountError::Busy) => {
            let form = VerifyEmail { notice: Some(FormNotice::Busy), ..form };
            show_form(pages, StatusCode::SERVICE_UNAVAILABLE, current, form).await
        }
        Err(AccountError::Throttled(throttled)) => {
            let form = VerifyEmail { notice: Some(throttled_notice(throttled)), ..form };
            let shown = show_form(pages, StatusCode::TOO_MANY_REQUESTS, current, form).await?;
            Ok(with_retry_after(shown, throttled))
        }
        Err(error) => Err(error.into()),
    }
}
