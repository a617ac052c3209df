//! `/account/applications`: which applications are connected, and the end of it.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::RequestPages;
use super::account::{AccountPage, confirm_first};
use super::form::{Fields, posted_signed_in, signed_in};
use super::respond::{encoded, see_page, show};
use crate::domain::{ClientId, Initiator};
use crate::http::caller::Caller;
use crate::pages::{AppRow, Applications, Done, Page as PageView, Scope, SessionName};
use crate::sign_in::{CurrentSession, SignInError, SignOut};
use crate::tokens::Application;

/// Lists the applications.
pub(in crate::http) async fn open(
    request: HttpRequest,
    pages: RequestPages,
    Caller(initiator): Caller,
) -> HttpResponse {
    let current = match signed_in(&pages, &request, &initiator).await {
        Ok(current) => current,
        Err(page) => return *page,
    };
    let page = list(&pages, &current, &Fields::of_query(&request)).await;
    let response = page.map(|page| show(&pages, StatusCode::OK, &PageView::Applications(page)));
    pages.or_failure(&initiator, response)
}

async fn list(
    pages: &RequestPages,
    current: &CurrentSession,
    query: &Fields,
) -> Result<Applications, SignInError> {
    let applications = pages.sign_ins.applications_of(current.user.id).await?;
    let ended = query.get("ended");
    // Only what is not connected is said to be disconnected.
    let is_connected = applications.iter().any(|application| application.client_id == ended);
    let known = if is_connected { None } else { pages.sign_ins.client_name(ended).await? };
    let done = known.map(|(name, is_first_party)| {
        if is_first_party { Done::SignedOut(SessionName::App(name)) } else { Done::Disconnected(name) }
    });
    Ok(Applications {
        user: current.user.username.clone(),
        now_ms: pages.sign_ins.now_ms(),
        rows: applications.into_iter().map(|application| row(pages, application)).collect(),
        done,
    })
}

fn row(pages: &RequestPages, application: Application) -> AppRow {
    let scope = |name: &str| {
        let text = pages.scope_texts.get(name).map(|texts| texts.in_language(pages.locale()));
        Scope { name: name.to_owned(), text }
    };
    AppRow {
        scopes: application.scopes.iter().map(scope).collect(),
        client_id: application.client_id,
        name: application.name,
        is_first_party: application.is_first_party,
        allowed_at_ms: application.allowed_at_ms,
        last_used_at_ms: application.last_used_at_ms,
    }
}

/// Disconnects an application.
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
    let response = disconnect(&pages, &current, fields.get("client_id"), &initiator).await;
    pages.or_failure(&initiator, response)
}

/// Disconnects the application that the form names, and leads to the list, which says so.
async fn disconnect(
    pages: &RequestPages,
    current: &CurrentSession,
    named: &str,
    initiator: &Initiator,
) -> Result<HttpResponse, SignInError> {
    if let Some(confirmation) = confirm_first(pages, current, AccountPage::Applications)? {
        return Ok(confirmation);
    }
    let list = AccountPage::Applications.path();
    let Ok(client_id) = ClientId::parse(named) else { return Ok(see_page(pages, list)) };
    let path = format!("{list}?ended={}", encoded(client_id.as_str()));
    let application = SignOut::Application { user_id: current.user.id, client_id };
    pages.sign_ins.sign_out(application, initiator.clone()).await?;
    Ok(see_page(pages, &path))
}
