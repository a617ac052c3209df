//! `/login`: signs a person in, with or without an application that waits.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};

use super::account::AccountPage;
use super::form::{Fields, Visitor, opened, posted};
use super::notice::DoneNotice;
use super::respond::{see_page, show, with_retry_after};
use super::{Purpose, RequestPages, stub_of};
use crate::accounts::{AccountError, Authentication};
use crate::domain::{BrowserSession, Initiator, LoginSource, Username};
use crate::http::caller::Caller;
use crate::pages::{MissingFields, Page as PageView, SignIn, SignInNotice, WhichAccount};
use crate::passwords::PasswordError;
use crate::sign_in::{
    Action, CurrentSession, NeededPage, Page, PendingSignIn, Progress, SignInError, SignedInSession,
};
use crate::tokens::VerifiedCredentials;

/// The client in audit events of sign-ins on pages.
pub(super) const PAGES: &str = "pages";

/// What follows a sign-in. The form carries it, sealed.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum AfterSignIn {
    /// The application that waits.
    Application(PendingSignIn),
    /// A page of the account. It gives no right to anything: the page looks at the age of the sign-in itself.
    Account(AccountPage),
}

impl AfterSignIn {
    /// What the form carries; nothing where the overview of the account follows.
    pub(super) fn sealed(&self, pages: &RequestPages) -> Result<Option<String>, SignInError> {
        match self {
            Self::Account(AccountPage::Overview) => Ok(None),
            after => Ok(Some(pages.seals.seal(Purpose::SignIn, after)?)),
        }
    }
}

/// Shows the form, or goes on where the browser is signed in already.
pub(in crate::http) async fn open(
    request: HttpRequest,
    mut pages: RequestPages,
    Caller(initiator): Caller,
) -> HttpResponse {
    let (query, visitor) = match opened(&pages, &request, &initiator).await {
        Ok(opened) => opened,
        Err(page) => return *page,
    };
    let after = query.after_sign_in(&mut pages);
    // `prompt=other`: the person wants to use another account.
    let is_other_account = query.get("prompt") == "other";
    let current = visitor.current.as_ref().filter(|_| !is_other_account);
    let response = match &after {
        AfterSignIn::Application(pending) => {
            let progress = pages.sign_ins.advance(pending, current, Action::opened(), &initiator).await;
            progress
                .and_then(|progress| show_or_follow(&pages, progress, &visitor, is_other_account, &initiator))
        }
        AfterSignIn::Account(AccountPage::Overview)
            if pages.said(&query, None) == Some(DoneNotice::PasswordReset) =>
        {
            let form = SignIn { is_reset: true, ..pages.sign_in_form(true) };
            Ok(show(&pages, StatusCode::OK, &PageView::SignIn(form)))
        }
        AfterSignIn::Account(AccountPage::Overview) => Ok(pages.bare_sign_in.show(&pages)),
        AfterSignIn::Account(page) => show_for_account(&pages, *page, current, is_other_account),
    };
    pages.or_failure(&initiator, response)
}

/// Shows the page if it is one of `/login`; otherwise redirects to it, or answers the client.
fn show_or_follow(
    pages: &RequestPages,
    progress: Progress,
    visitor: &Visitor,
    is_other_account: bool,
    initiator: &Initiator,
) -> Result<HttpResponse, SignInError> {
    match progress {
        Progress::Page(needed)
            if matches!(needed.page, Page::SignIn | Page::ConfirmIdentity | Page::ChooseAccount { .. }) =>
        {
            let page = view(pages, &needed, visitor, is_other_account)?;
            Ok(show(pages, StatusCode::OK, &page))
        }
        progress => pages.follow(progress, initiator),
    }
}

/// Shows the form that leads to a page of the account, to confirm who is signed in; or goes on if that is confirmed already.
fn show_for_account(
    pages: &RequestPages,
    page: AccountPage,
    current: Option<&CurrentSession>,
    is_other_account: bool,
) -> Result<HttpResponse, SignInError> {
    if current.is_some_and(|current| current.is_recent(pages.sign_ins.now_ms())) {
        return Ok(see_page(pages, page.path()));
    }
    let form = SignIn {
        request: AfterSignIn::Account(page).sealed(pages)?,
        username: current.map(|current| current.user.username.clone()).unwrap_or_default(),
        is_username_fixed: current.is_some(),
        is_other_account,
        ..pages.sign_in_form(current.is_none())
    };
    Ok(show(pages, StatusCode::OK, &PageView::SignIn(form)))
}

/// The page for this step.
fn view(
    pages: &RequestPages,
    needed: &NeededPage,
    visitor: &Visitor,
    is_other_account: bool,
) -> Result<PageView, SignInError> {
    let stub = Some(stub_of(needed));
    let request = Some(pages.sealed(Purpose::SignIn, &needed.pending)?);
    let user = visitor.current.as_ref().map(|current| current.user.username.clone());
    Ok(match (&needed.page, user) {
        (Page::ChooseAccount { may_continue }, Some(user)) => {
            PageView::WhichAccount(WhichAccount { stub, request, user, can_continue: *may_continue })
        }
        (Page::ConfirmIdentity, Some(username)) => PageView::SignIn(SignIn {
            stub,
            request,
            username,
            is_username_fixed: true,
            ..pages.sign_in_form(false)
        }),
        _ => PageView::SignIn(SignIn {
            stub,
            request,
            username: needed.login_hint.clone().unwrap_or_default(),
            is_other_account,
            ..pages.sign_in_form(true)
        }),
    })
}

/// Signs a person in and goes on with the sign-in that the form carries.
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
    let after = fields.after_sign_in(&mut pages);
    let post = Post { pages: &pages, fields, visitor, after, initiator: &initiator };
    let response = post.answer().await;
    pages.or_failure(&initiator, response)
}

struct Post<'a> {
    pages: &'a RequestPages,
    fields: Fields,
    visitor: Visitor,
    after: AfterSignIn,
    initiator: &'a Initiator,
}

impl Post<'_> {
    async fn answer(self) -> Result<HttpResponse, SignInError> {
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
        let (pages, source) = (self.pages, LoginSource::network_of(self.initiator));
        let initiator = pages.in_language(self.initiator);
        let judged = pages.accounts.authenticate(username, password, PAGES, source, &initiator).await;
        let (status, notice) = match judged {
            Ok(Authentication::Verified(verified)) => return self.sign_in(verified).await,
            Ok(Authentication::Refused) => (StatusCode::UNPROCESSABLE_ENTITY, SignInNotice::WrongPassword),
            Ok(Authentication::EmailNotVerified) => {
                (StatusCode::UNPROCESSABLE_ENTITY, SignInNotice::EmailNotVerified)
            }
            Err(AccountError::Password(PasswordError::Overloaded(_)) | AccountError::Busy) => {
                (StatusCode::SERVICE_UNAVAILABLE, SignInNotice::Busy)
            }
            Err(AccountError::Throttled(throttled)) => {
                let notice = SignInNotice::Throttled { seconds: u64::from(throttled.retry_after_s) };
                let status = StatusCode::TOO_MANY_REQUESTS;
                let shown = self.show_again(status, Some(notice), MissingFields::default()).await?;
                return Ok(with_retry_after(shown, throttled));
            }
            Err(error) => return Err(error.into()),
        };
        self.show_again(status, Some(notice), MissingFields::default()).await
    }

    /// Signs in whoever typed the right password.
    async fn sign_in(mut self, verified: VerifiedCredentials) -> Result<HttpResponse, SignInError> {
        let handle = self.visitor.handle.take();
        match self.pages.sign_ins.sign_in(verified, handle, self.initiator.clone()).await? {
            Some(signed_in) => signed_in_response(self.pages, &self.after, &signed_in, self.initiator).await,
            // The password was changed, or the account disabled, while the password was judged.
            None => self.show_refused().await,
        }
    }

    /// "Continue as": counts while the account that the page named is the one that is signed in.
    async fn go_on(self) -> Result<HttpResponse, SignInError> {
        let pending = match &self.after {
            AfterSignIn::Application(pending) => pending,
            AfterSignIn::Account(page) => return Ok(see_page(self.pages, page.path())),
        };
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
        // For a page of the account the password is always judged.
        let AfterSignIn::Application(pending) = &self.after else { return Ok(None) };
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
        let current = self.visitor.current.as_ref();
        let names_current =
            current.is_some_and(|current| is_name_of(username.trim(), &current.user.username));
        let pending = match &self.after {
            AfterSignIn::Application(pending) => pending,
            AfterSignIn::Account(page) => {
                let is_bare = *page == AccountPage::Overview;
                let is_confirmation = !is_bare && names_current;
                let page = SignIn {
                    request: self.after.sealed(self.pages)?,
                    username,
                    is_username_fixed: is_confirmation,
                    is_other_account: !is_bare && current.is_some() && !is_confirmation,
                    notice,
                    missing,
                    ..self.pages.sign_in_form(!is_confirmation)
                };
                return Ok(show(self.pages, status, &PageView::SignIn(page)));
            }
        };
        let progress =
            self.pages.sign_ins.advance(pending, current, Action::opened(), self.initiator).await?;
        let progress = match progress {
            // Another user's name was typed: the form is that of a sign-in.
            Progress::Page(needed) => needed,
            progress => return self.pages.follow(progress, self.initiator),
        };
        let is_confirmation = progress.page == Page::ConfirmIdentity && names_current;
        let page = SignIn {
            stub: Some(stub_of(&progress)),
            request: Some(self.pages.sealed(Purpose::SignIn, &progress.pending.naming_nobody())?),
            username,
            is_username_fixed: is_confirmation,
            is_other_account: current.is_some() && !is_confirmation,
            notice,
            missing,
            ..self.pages.sign_in_form(!is_confirmation)
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

/// What follows a sign-in or a registration: the application that waits, or a page of the account. Sets the cookies of the
/// session and of the device, which the account knows from now on.
pub(super) async fn signed_in_response(
    pages: &RequestPages,
    after: &AfterSignIn,
    signed_in: &SignedInSession,
    initiator: &Initiator,
) -> Result<HttpResponse, SignInError> {
    let followed = match after {
        AfterSignIn::Application(pending) => {
            let action = Action { has_signed_in: true, ..Action::posted() };
            let progress = pages.sign_ins.advance(pending, Some(&signed_in.current), action, initiator).await;
            progress.and_then(|progress| pages.follow(progress, initiator))
        }
        AfterSignIn::Account(page) => Ok(see_page(pages, page.path())),
    };
    // The person is signed in, also if what follows fails.
    let mut response = pages.or_failure(initiator, followed);
    let session = pages.cookie.set(signed_in, pages.sign_ins.now_ms());
    let CurrentSession { session: BrowserSession { user_id, credentials_version, .. }, .. } =
        &signed_in.current;
    let device = pages.accounts.remember_device(*user_id, *credentials_version, initiator);
    for cookie in [session, pages.devices.set(&device)?] {
        // Only a value with control characters cannot be a cookie.
        let _ = response.add_cookie(&cookie);
    }
    Ok(response)
}
