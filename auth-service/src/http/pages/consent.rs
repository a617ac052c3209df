//! `/consent`: asks whether an application may have what it asks for.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::form::{Visitor, opened, posted};
use super::respond::{host_of, see_page, show};
use super::{Purpose, RequestPages};
use crate::domain::Initiator;
use crate::domain::authorization_request::AuthorizationError;
use crate::http::caller::Caller;
use crate::pages::{Consent, Destination, Page as PageView, Scope};
use crate::sign_in::{Action, NeededPage, Page, PendingSignIn, Progress, SignInError};

/// Shows what the application asks for now.
pub(in crate::http) async fn open(
    request: HttpRequest,
    mut pages: RequestPages,
    Caller(initiator): Caller,
) -> HttpResponse {
    let (query, visitor) = match opened(&pages, &request, &initiator).await {
        Ok(opened) => opened,
        Err(page) => return *page,
    };
    let Some(pending) = query.pending(&mut pages, Purpose::Consent) else {
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
        (Progress::Page(needed), Some(current)) if matches!(needed.page, Page::Consent(_)) => {
            let page = view(pages, &needed, current.user.username.clone())?;
            Ok(show(pages, StatusCode::OK, &page))
        }
        (progress, _) => pages.follow(progress, initiator),
    }
}

fn view(pages: &RequestPages, needed: &NeededPage, user: String) -> Result<PageView, SignInError> {
    let scopes = if let Page::Consent(scopes) = &needed.page { scopes.as_slice() } else { &[] };
    Ok(PageView::Consent(Consent {
        app: needed.client.name.clone(),
        destination: host_of(&needed.redirect_uri).map_or(Destination::Device, Destination::Host),
        scopes: scopes
            .iter()
            .map(|name| {
                let text = pages.scope_texts.get(name).map(|texts| texts.in_language(pages.locale()));
                Scope { name: name.clone(), text }
            })
            .collect(),
        user,
        request: pages.sealed(Purpose::Consent, &needed.pending)?,
        sign_in_request: pages.sealed(Purpose::SignIn, &needed.pending.naming_nobody())?,
    }))
}

/// Whether the page named the account that is signed in.
pub(super) fn is_named(pending: &PendingSignIn, visitor: &Visitor) -> bool {
    visitor.current.as_ref().is_some_and(|current| pending.account() == Some(current.user.id))
}

/// Takes the decision.
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
    let Some(pending) = fields.pending(&mut pages, Purpose::Consent) else {
        return see_page(&pages, "/login");
    };
    let response = decide(&pages, &pending, &visitor, fields.get("decision"), &initiator).await;
    pages.or_failure(&initiator, response)
}

async fn decide(
    pages: &RequestPages,
    pending: &PendingSignIn,
    visitor: &Visitor,
    decision: &str,
    initiator: &Initiator,
) -> Result<HttpResponse, SignInError> {
    let current = visitor.current.as_ref().filter(|_| is_named(pending, visitor));
    let (Some(current), Some(shown)) = (current, pending.shown_consent()) else {
        // Somebody else is signed in now, or nobody: the page is shown anew for who is.
        return show_or_follow(pages, pending, visitor, initiator).await;
    };
    let progress = match decision {
        "allow" => {
            pages.sign_ins.remember_consent(pending, current.user.id, shown.clone(), initiator).await?;
            let action = Action { allowed: Some(shown), ..Action::choosing() };
            pages.sign_ins.advance(pending, Some(current), action, initiator).await?
        }
        "deny" => pages.sign_ins.refuse(pending, AuthorizationError::AccessDenied).await?,
        _ => return show_or_follow(pages, pending, visitor, initiator).await,
    };
    pages.follow(progress, initiator)
}
