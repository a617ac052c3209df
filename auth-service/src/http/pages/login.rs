//! `/login`: signs a person in, with or without an application that waits.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::form::{Fields, Visitor, opened, posted};
use super::respond::{see_page, show};
use super::{HostedPages, Purpose, stub_of};
use crate::accounts::{AccountError, Authentication};
use crate::domain::{Initiator, Username};
use crate::http::caller::Caller;
use crate::pages::{MissingFields, Page as PageView, SignIn, SignInNotice, WhichAccount};
use crate::passwords::PasswordError;
use crate::sign_in::{Action, NeededPage, Page, PendingSignIn, Progress, SignInError, SignedInSession};

/// The client in audit events of sign-ins on pages.
const PAGES: &str = "pages";

/// Shows the form, or goes on where the browser is signed in already.
pub(in crate::http) async fn open(
    request: HttpRequest,
    pages: web::Data<HostedPages>,
    Caller(initiator): Caller,
) -> HttpResponse {
    let (query, visitor) = match opened(&pages, &request, &initiator).await {
        Ok(opened) => opened,
        Err(page) => return *page,
    };
    // What does not open is treated as a bare address: the form then leads to the account.
    let Some(pending) = query.pending(&pages, Purpose::SignIn) else {
        return pages.bare_sign_in.show();
    };
    // `prompt=other`: the person wants to use another account.
    let current = visitor.current.as_ref().filter(|_| query.get("prompt") != "other");
    let progress = pages.sign_ins.advance(&pending, current, Action::opened(), &initiator).await;
    let response = progress.and_then(|progress| show_or_follow(&pages, progress, &visitor, &initiator));
    pages.or_failure(&initiator, response)
}

/// Shows the page if it is one of `/login`; otherwise redirects to it, or answers the client.
fn show_or_follow(
    pages: &HostedPages,
    progress: Progress,
    visitor: &Visitor,
    initiator: &Initiator,
) -> Result<HttpResponse, SignInError> {
    match progress {
        Progress::Page(needed)
            if matches!(needed.page, Page::SignIn | Page::ConfirmIdentity | Page::ChooseAccount { .. }) =>
        {
            let page = view(pages, &needed, visitor)?;
            Ok(show(pages, StatusCode::OK, &page))
        }
        progress => pages.follow(progress, initiator),
    }
}

/// The page for this step.
fn view(pages: &HostedPages, needed: &NeededPage, visitor: &Visitor) -> Result<PageView, SignInError> {
    let stub = Some(stub_of(needed));
    let request = Some(pages.sealed(Purpose::SignIn, &needed.pending)?);
    let user = visitor.current.as_ref().map(|current| current.user.username.clone());
    Ok(match (&needed.page, user) {
        (Page::ChooseAccount { may_continue }, Some(user)) => {
            PageView::WhichAccount(WhichAccount { stub, request, user, can_continue: *may_continue })
        }
        (Page::ConfirmIdentity, Some(username)) => {
            PageView::SignIn(SignIn { stub, request, username, is_username_fixed: true, ..SignIn::default() })
        }
        _ => PageView::SignIn(SignIn {
            stub,
            request,
            username: needed.login_hint.clone().unwrap_or_default(),
            offers_registration: true,
            ..SignIn::default()
        }),
    })
}

/// Signs a person in and goes on with the sign-in that the form carries.
pub(in crate::http) async fn post(
    request: HttpRequest,
    pages: web::Data<HostedPages>,
    Caller(initiator): Caller,
    payload: web::Payload,
) -> HttpResponse {
    let (fields, visitor) = match posted(&pages, &request, payload, &initiator).await {
        Ok(posted) => posted,
        Err(page) => return *page,
    };
    let pending = fields.pending(&pages, Purpose::SignIn);
    let post = Post { pages: &pages, fields, visitor, pending, initiator: &initiator };
    let response = post.answer().await;
    pages.or_failure(&initiator, response)
}

struct Post<'a> {
    pages: &'a HostedPages,
    fields: Fields,
    visitor: Visitor,
    pending: Option<PendingSignIn>,
    initiator: &'a Initiator,
}

impl Post<'_> {
    async fn answer(mut self) -> Result<HttpResponse, SignInError> {
        if self.fields.get("decision") == "continue" {
            return self.go_on().await;
        }
        if let Some(response) = self.go_on_without_password().await? {
            return Ok(response);
        }
        let (username, password) = (self.fields.get("username").trim(), self.fields.get("password"));
        let missing = MissingFields { username: username.is_empty(), password: password.is_empty() };
        if missing.username || missing.password {
            return self.show_again(StatusCode::UNPROCESSABLE_ENTITY, None, missing).await;
        }
        let judged = self.pages.accounts.authenticate(username, password, PAGES, self.initiator).await;
        let verified = match judged {
            Ok(Authentication::Verified(verified)) => verified,
            Ok(Authentication::Refused) => return self.show_refused().await,
            Err(AccountError::Password(PasswordError::Overloaded(_))) => {
                let busy = Some(SignInNotice::Busy);
                return self
                    .show_again(StatusCode::SERVICE_UNAVAILABLE, busy, MissingFields::default())
                    .await;
            }
            Err(error) => return Err(error.into()),
        };
        let handle = self.visitor.handle.take();
        match self.pages.sign_ins.sign_in(verified, handle, self.initiator.clone()).await? {
            Some(signed_in) => {
                signed_in_response(self.pages, self.pending.as_ref(), &signed_in, self.initiator).await
            }
            // The password was changed, or the account disabled, while the password was judged.
            None => self.show_refused().await,
        }
    }

    /// "Continue as": counts while the account that the page named is the one that is signed in.
    async fn go_on(self) -> Result<HttpResponse, SignInError> {
        let Some(pending) = &self.pending else { return Ok(see_page(self.pages, "/account")) };
        let current = self.visitor.current.as_ref();
        let has_chosen = current.is_some_and(|current| pending.account() == Some(current.user.id));
        let action = if has_chosen { Action::choosing() } else { Action::opened() };
        let progress = self.pages.sign_ins.advance(pending, current, action, self.initiator).await?;
        self.pages.follow(progress, self.initiator)
    }

    /// Goes on if the session of the user whom the form names satisfies the request already: the sign-in happened in
    /// another tab, or the form was posted twice.
    async fn go_on_without_password(&self) -> Result<Option<HttpResponse>, SignInError> {
        let Some(current) = &self.visitor.current else { return Ok(None) };
        if !is_name_of(self.fields.get("username").trim(), &current.user.username) {
            return Ok(None);
        }
        let Some(pending) = &self.pending else { return Ok(None) };
        let action = Action::posted();
        match self.pages.sign_ins.advance(pending, Some(current), action, self.initiator).await? {
            Progress::Page(needed)
                if matches!(
                    needed.page,
                    Page::SignIn | Page::ConfirmIdentity | Page::ChooseAccount { .. }
                ) =>
            {
                Ok(None)
            }
            progress => self.pages.follow(progress, self.initiator).map(Some),
        }
    }

    async fn show_refused(&self) -> Result<HttpResponse, SignInError> {
        let notice = Some(SignInNotice::WrongPassword);
        self.show_again(StatusCode::UNPROCESSABLE_ENTITY, notice, MissingFields::default()).await
    }

    /// Shows the form again, with the name that was typed and without the password.
    async fn show_again(
        &self,
        status: StatusCode,
        notice: Option<SignInNotice>,
        missing: MissingFields,
    ) -> Result<HttpResponse, SignInError> {
        let username = self.fields.get("username").to_owned();
        let Some(pending) = &self.pending else {
            let page = SignIn { username, notice, missing, offers_registration: true, ..SignIn::default() };
            return Ok(show(self.pages, status, &PageView::SignIn(page)));
        };
        let current = self.visitor.current.as_ref();
        let progress =
            self.pages.sign_ins.advance(pending, current, Action::opened(), self.initiator).await?;
        let progress = match progress {
            // Another user's name was typed: the form is that of a sign-in.
            Progress::Page(needed) => needed,
            progress => return self.pages.follow(progress, self.initiator),
        };
        let is_confirmation = progress.page == Page::ConfirmIdentity
            && current.is_some_and(|current| is_name_of(username.trim(), &current.user.username));
        let page = SignIn {
            stub: Some(stub_of(&progress)),
            request: Some(self.pages.sealed(Purpose::SignIn, &progress.pending.naming_nobody())?),
            username,
            is_username_fixed: is_confirmation,
            notice,
            missing,
            offers_registration: !is_confirmation,
        };
        Ok(show(self.pages, status, &PageView::SignIn(page)))
    }
}

/// Whether a typed name is this user's name, by the rules that names are compared with.
fn is_name_of(typed: &str, username: &str) -> bool {
    match (Username::parse(typed), Username::parse(username)) {
        (Ok(typed), Ok(own)) => typed.key() == own.key(),
        _ => false,
    }
}

/// What follows a sign-in or a registration: the application that waits, or the account. Sets the session's cookie.
pub(super) async fn signed_in_response(
    pages: &HostedPages,
    pending: Option<&PendingSignIn>,
    signed_in: &SignedInSession,
    initiator: &Initiator,
) -> Result<HttpResponse, SignInError> {
    let followed = match pending {
        Some(pending) => {
            let action = Action { has_signed_in: true, ..Action::posted() };
            let progress = pages.sign_ins.advance(pending, Some(&signed_in.current), action, initiator).await;
            progress.and_then(|progress| pages.follow(progress, initiator))
        }
        None => Ok(see_page(pages, "/account")),
    };
    // The person is signed in, also if what follows fails.
    let mut response = pages.or_failure(initiator, followed);
    let cookie = pages.cookie.set(signed_in, pages.sign_ins.now_ms());
    // Only a value with control characters cannot be a cookie.
    let _ = response.add_cookie(&cookie);
    Ok(response)
}
