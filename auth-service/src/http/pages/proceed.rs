//! `/continue`: asks before a native application continues, because nothing proves which program gets the answer (RFC 8252
//! §8.6).

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::consent::is_named;
use super::form::{Visitor, opened, posted};
use super::respond::{see_page, show};
use super::{Purpose, RequestPages};
use crate::domain::Initiator;
use crate::http::caller::Caller;
use crate::pages::{Continue, Page as PageView};
use crate::sign_in::{Action, Page, PendingSignIn, Progress, SignInError};

/// Shows which application continues, and as whom.
pub(in crate::http) async fn open(
    request: HttpRequest,
    mut pages: RequestPages,
    Caller(initiator): Caller,
) -> HttpResponse {
    let (query, visitor) = match opened(&pages, &request, &initiator).await {
        Ok(opened) => opened,
        Err(page) => return *page,
    };
    let Some(pending) = query.pending(&mut pages, Purpose::Continue) else {
        return see_page(&pages, "/login");
    };
    let response = show_or_follow(&pages, &pending, &visitor, &initiator).await;
    pages.or_failure(&initiator, response)
}

async fn show_or_follow(
    pages: &RequestPages,
    pending: &PendingSignIn,
    visitor: &Visitor,
    initiator: &Initiator,
) -> Result<HttpResponse, SignInError> {
    let current = visitor.current.as_ref();
    let action = Action { has_chosen: is_named(pending, visitor), ..Action::opened() };
    match (pages.sign_ins.advance(pending, current, action, initiator).await?, current) {
        (Progress::Page(needed), Some(current)) if needed.page == Page::Continue => {
            let page = Continue {
                app: needed.client.name.clone(),
                user: current.user.username.clone(),
                request: pages.sealed(Purpose::Continue, &needed.pending)?,
                sign_in_request: pages.sealed(Purpose::SignIn, &needed.pending.naming_nobody())?,
            };
            Ok(show(pages, StatusCode::OK, &PageView::Continue(page)))
        }
        (progress, _) => pages.follow(progress, initiator),
    }
}

/// Continues, while the account that the page named is the one that is signed in.
pub(in crate::http) async fn post(
    request: HttpRequest,
    mut pages: RequestPages,
    Caller(initiator): Caller,
    payload: web::Payload,
) -> HttpResponse {
    let (fields, visitor) = match posted(&pages, &request, payload, &initiator).await {
        Ok(posted) => posted,
        Err(page) => return *page,
    };
    let Some(pending) = fields.pending(&mut pages, Purpose::Continue) else {
        return see_page(&pages, "/login");
    };
    let response = if is_named(&pending, &visitor) {
        let current = visitor.current.as_ref();
        let progress = pages.sign_ins.advance(&pending, current, Action::choosing(), &initiator).await;
        progress.and_then(|progress| pages.follow(progress, &initiator))
    } else {
        show_or_follow(&pages, &pending, &visitor, &initiator).await
    };
    pages.or_failure(&initiator, response)
}
