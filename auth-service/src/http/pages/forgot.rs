//! `/forgot-password`: mails a link to whoever is named, and says the same to everybody.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::RequestPages;
use super::form::{Fields, posted};
use super::respond::{see_page, show, throttled_notice, with_retry_after};
use crate::accounts::{AccountError, MailWish};
use crate::http::caller::Caller;
use crate::pages::{Forgot, NoMail, Page as PageView};

/// Shows the form, or what follows its post.
pub(in crate::http) async fn open(request: HttpRequest, pages: RequestPages) -> HttpResponse {
    let page = if !pages.accounts.policy().sends_mail {
        PageView::NoMail(NoMail::Forgot)
    } else if Fields::of_query(&request).get("sent").is_empty() {
        PageView::Forgot(Forgot::default())
    } else {
        PageView::ForgotSent
    };
    show(&pages, StatusCode::OK, &page)
}

/// Queues what was typed. Whose it is, if anybody's, is looked up when the mail is sent.
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
    let typed = fields.get("identifier");
    let wish = pages.accounts.forgot(typed, &pages.in_language(&initiator)).await;
    let form = Forgot { identifier: typed.to_owned(), ..Forgot::default() };
    let response = match wish {
        Ok(MailWish::Queued) => Ok(see_page(&pages, "/forgot-password?sent=1")),
        Ok(MailWish::Invalid) => {
            let form = Forgot { is_missing: true, ..form };
            Ok(show(&pages, StatusCode::UNPROCESSABLE_ENTITY, &PageView::Forgot(form)))
        }
        Ok(MailWish::NoMail) => {
            Ok(show(&pages, StatusCode::NOT_IMPLEMENTED, &PageView::NoMail(NoMail::Forgot)))
        }
        Err(AccountError::Throttled(throttled)) => {
            let form = Forgot { notice: Some(throttled_notice(throttled)), ..form };
            let shown = show(&pages, StatusCode::TOO_MANY_REQUESTS, &PageView::Forgot(form));
            Ok(with_retry_after(shown, throttled))
        }
        Err(error) => Err(error.into()),
    };
    pages.or_failure(&initiator, response)
}
