//! `/account/sessions`: where a person is signed in, and the end of it.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use uuid::Uuid;

use super::RequestPages;
use super::account::{AccountPage, confirm_first};
use super::form::{Fields, posted, signed_in};
use super::logout::without_cookie;
use super::respond::{see_page, show};
use crate::domain::{DeviceWords, Initiator};
use crate::http::caller::Caller;
use crate::pages::{Device, Done, Page as PageView, SessionName, SessionRow, Sessions};
use crate::sign_in::{CurrentSession, ShownSession, SignInError, SignOut};

/// What the field `session` has for all sessions but this browser's.
const OTHERS: &str = "others";

/// Lists the sessions.
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
    let response = page.map(|page| show(&pages, StatusCode::OK, &PageView::Sessions(page)));
    pages.or_failure(&initiator, response)
}

async fn list(
    pages: &RequestPages,
    current: &CurrentSession,
    query: &Fields,
) -> Result<Sessions, SignInError> {
    let (user_id, here) = (current.user.id, current.session.id);
    let after = query.get("after").parse().ok();
    let (shown, next) = pages.sign_ins.shown_sessions(user_id, after).await?;
    let is_first = after.is_none();
    let has_others = !is_first || next.is_some() || shown.iter().any(|session| session.id != here);
    let done = match query.get("ended") {
        OTHERS => (!has_others).then_some(Done::OthersSignedOut),
        // Only what has ended is said to have ended.
        id => match id.parse() {
            Ok(id) => {
                pages.sign_ins.ended_session(user_id, id).await?.map(|ended| Done::SignedOut(name(ended)))
            }
            Err(_) => None,
        },
    };
    Ok(Sessions {
        user: current.user.username.clone(),
        now_ms: pages.sign_ins.now_ms(),
        rows: shown.into_iter().map(|session| row(session, here)).collect(),
        next: next.map(|next| next.to_string()),
        has_others,
        done,
    })
}

fn name(session: ShownSession) -> SessionName {
    match session.app {
        Some(app) => SessionName::App(app),
        None => SessionName::Device(device(session.device)),
    }
}

fn device(words: DeviceWords) -> Device {
    Device { program: words.program, system: words.system.map(str::to_owned) }
}

fn row(session: ShownSession, here: Uuid) -> SessionRow {
    SessionRow {
        id: session.id.to_string(),
        device: device(session.device),
        app: session.app,
        apps: session.apps,
        address: session.address,
        last_used_at_ms: session.last_used_at_ms,
        began_at_ms: session.created_at_ms,
        is_current: session.id == here,
    }
}

/// Ends one session, or all but this browser's. Signing out of this browser needs no confirmation, as at `/logout`.
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
    let Some(current) = &visitor.current else { return see_page(&pages, "/login") };
    let named = fields.get("session");
    let is_here = named.parse() == Ok(current.session.id);
    let response = match visitor.handle.clone().filter(|_| is_here) {
        Some(handle) => {
            let this_browser = SignOut::ThisBrowser { handle, asked_by: None };
            let ended = pages.sign_ins.sign_out(this_browser, initiator.clone()).await;
            ended.map(|_| without_cookie(&pages, &visitor, see_page(&pages, "/logout")))
        }
        None => end(&pages, current, named, &initiator).await,
    };
    pages.or_failure(&initiator, response)
}

/// Ends what the form names, and leads to the list, which says so.
async fn end(
    pages: &RequestPages,
    current: &CurrentSession,
    named: &str,
    initiator: &Initiator,
) -> Result<HttpResponse, SignInError> {
    if let Some(confirmation) = confirm_first(pages, current, AccountPage::Sessions)? {
        return Ok(confirmation);
    }
    let (user_id, kept) = (current.user.id, current.session.id);
    let (sign_out, said) = match (named, named.parse::<Uuid>()) {
        (OTHERS, _) => (SignOut::Others { user_id, kept }, OTHERS.to_owned()),
        (_, Ok(id)) => (SignOut::Session { user_id, id }, id.to_string()),
        (_, Err(_)) => return Ok(see_page(pages, AccountPage::Sessions.path())),
    };
    pages.sign_ins.sign_out(sign_out, initiator.clone()).await?;
    Ok(see_page(pages, &format!("{}?ended={said}", AccountPage::Sessions.path())))
}
