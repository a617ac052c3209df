//! `/account`: who is signed in; and the files that pages load.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY};
use actix_web::{HttpRequest, HttpResponse, web};
use service_kit::http::{HttpError, Path};

use super::HostedPages;
use super::form::visitor;
use super::respond::{see_page, show};
use crate::http::caller::Caller;
use crate::pages::{Account, Page as PageView};

/// Shows who is signed in.
pub(in crate::http) async fn open(
    request: HttpRequest,
    pages: web::Data<HostedPages>,
    Caller(initiator): Caller,
) -> HttpResponse {
    match visitor(&pages, &request, &initiator).await {
        Ok(visitor) => match visitor.current {
            Some(current) => {
                let account = Account { user: current.user.username };
                show(&pages, StatusCode::OK, &PageView::Account(account))
            }
            None => see_page(&pages, "/login"),
        },
        Err(page) => *page,
    }
}

/// Leads to the account, or to the sign-in.
pub(in crate::http) async fn home(
    request: HttpRequest,
    pages: web::Data<HostedPages>,
    Caller(initiator): Caller,
) -> HttpResponse {
    match visitor(&pages, &request, &initiator).await {
        Ok(visitor) => see_page(&pages, if visitor.current.is_some() { "/account" } else { "/login" }),
        Err(page) => *page,
    }
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
