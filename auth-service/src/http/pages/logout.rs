//! `/logout`: signs the browser out.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::HostedPages;
use super::form::{posted, visitor};
use super::respond::{see_page, show};
use crate::domain::EndReason;
use crate::http::caller::Caller;
use crate::pages::{Page as PageView, SignOut};

/// Asks, where somebody is signed in. A page that is only fetched changes nothing.
pub(in crate::http) async fn open(
    request: HttpRequest,
    pages: web::Data<HostedPages>,
    Caller(initiator): Caller,
) -> HttpResponse {
    match visitor(&pages, &request, &initiator).await {
        Ok(visitor) if visitor.current.is_some() => {
            show(&pages, StatusCode::OK, &PageView::SignOut(SignOut::default()))
        }
        Ok(_) => show(&pages, StatusCode::OK, &PageView::SignedOut),
        Err(page) => *page,
    }
}

/// Ends the browser's session with everything below it.
pub(in crate::http) async fn post(
    request: HttpRequest,
    pages: web::Data<HostedPages>,
    Caller(initiator): Caller,
    payload: web::Payload,
) -> HttpResponse {
    let (_fields, visitor) = match posted(&pages, &request, payload, &initiator).await {
        Ok(posted) => posted,
        Err(page) => return *page,
    };
    let ended = pages.sign_ins.sign_out(visitor.handle, EndReason::Logout, initiator.clone()).await;
    let response = ended.map(|_| {
        let mut response = see_page(&pages, "/logout");
        // Only a value with control characters cannot be a cookie.
        let _ = response.add_cookie(&pages.cookie.cleared());
        response
    });
    pages.or_failure(&initiator, response)
}
