//! `/register`: creates an account, signs its owner in, and goes on.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::form::{Fields, posted};
use super::login::{AfterSignIn, signed_in_response};
use super::notice::DoneNotice;
use super::respond::{see_page, show, throttled_notice, with_retry_after};
use super::{RequestPages, stub_of};
use crate::accounts::{AccountError, BrokenRule, LinkPage, Registration, RegistrationRequest};
use crate::domain::{Handle, Initiator, InvalidUsername, PasswordRule};
use crate::http::caller::Caller;
use crate::pages::{FormNotice, LinkKind, Page as PageView, Register, RegisterError, Stub};
use crate::passwords::PasswordError;
use crate::sign_in::{Action, Progress, SignInError};

/// Shows the form.
pub(in crate::http) async fn open(
    request: HttpRequest,
    mut pages: RequestPages,
    Caller(initiator): Caller,
) -> HttpResponse {
    let query = Fields::of_query(&request);
    let after = query.after_sign_in(&mut pages);
    let response = open_form(&pages, &query, &after, &initiator).await;
    pages.or_failure(&initiator, response)
}

/// Shows the form to whoever may register: everybody, or who was invited.
async fn open_form(
    pages: &RequestPages,
    query: &Fields,
    after: &AfterSignIn,
    initiator: &Initiator,
) -> Result<HttpResponse, SignInError> {
    if let Some(DoneNotice::Registered { address }) = pages.said(query, None) {
        return Ok(show(pages, StatusCode::OK, &PageView::CheckMail(address)));
    }
    let token = query.get("invitation");
    let form = if token.is_empty() {
        if !pages.accounts.policy().is_registration_open {
            return Ok(closed(pages));
        }
        Register::default()
    } else {
        match pages.accounts.look_up(token, LinkPage::Register).await? {
            Ok(live) => {
                Register { email: live.email, invitation: Some(token.to_owned()), ..Register::default() }
            }
            Err(_) => return Ok(pages.dead_link(LinkKind::Invitation)),
        }
    };
    show_form(pages, StatusCode::OK, after, form, initiator).await
}

fn closed(pages: &RequestPages) -> HttpResponse {
    show(pages, StatusCode::FORBIDDEN, &PageView::RegistrationClosed)
}

/// Shows the form with the application that waits.
async fn show_form(
    pages: &RequestPages,
    status: StatusCode,
    after: &AfterSignIn,
    form: Register,
    initiator: &Initiator,
) -> Result<HttpResponse, SignInError> {
    let request = after.sealed(pages)?;
    // Who was invited may leave out the address: it is known.
    let is_email_required = form.invitation.is_none() && pages.accounts.policy().requires_verified_email;
    let form = Register { is_email_required, ..form };
    let AfterSignIn::Application(pending) = after else {
        return Ok(show(pages, status, &PageView::Register(Register { request, ..form })));
    };
    let stub: Stub = match pages.sign_ins.advance(pending, None, Action::opened(), initiator).await? {
        Progress::Page(needed) => stub_of(&needed),
        progress => return pages.follow(progress, initiator),
    };
    Ok(show(pages, status, &PageView::Register(Register { stub: Some(stub), request, ..form })))
}

/// Creates the account.
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
    let response = register(&pages, &fields, &after, visitor.handle, &initiator).await;
    pages.or_failure(&initiator, response)
}

async fn register(
    pages: &RequestPages,
    fields: &Fields,
    after: &AfterSignIn,
    handle: Option<Handle>,
    initiator: &Initiator,
) -> Result<HttpResponse, SignInError> {
    let (username, email) = (fields.get("username"), fields.get("email").trim());
    let form = |errors: Vec<RegisterError>, notice: Option<FormNotice>| Register {
        username: username.to_owned(),
        email: email.to_owned(),
        invitation: Some(fields.get("invitation").to_owned()).filter(|token| !token.is_empty()),
        errors,
        notice,
        ..Register::default()
    };
    let given = RegistrationRequest {
        username,
        password: fields.get("password"),
        email: (!email.is_empty()).then_some(email),
        invitation: Some(fields.get("invitation")).filter(|token| !token.is_empty()),
    };
    let (status, form) = match pages.accounts.register(given, &pages.in_language(initiator)).await {
        Ok(Registration::Registered(user)) if pages.accounts.must_verify_first(&user) => {
            let notice = DoneNotice::Registered { address: user.email.unwrap_or_default() };
            return Ok(see_page(pages, &pages.saying("/register", notice, None)?));
        }
        Ok(Registration::Registered(user)) => {
            let proven = pages.accounts.just_registered(&user, initiator);
            if let Some(signed_in) = pages.sign_ins.sign_in(proven, handle, initiator.clone()).await? {
                return signed_in_response(pages, after, &signed_in, initiator).await;
            }
            // An operator disabled the account at this moment.
            (StatusCode::UNPROCESSABLE_ENTITY, form(vec![RegisterError::UsernameUnusable], None))
        }
        Ok(Registration::Taken) => {
            (StatusCode::UNPROCESSABLE_ENTITY, form(vec![RegisterError::UsernameUnusable], None))
        }
        Ok(Registration::Invalid(broken)) => {
            let errors = broken.iter().map(|field| error_of(&field.rule)).collect();
            (StatusCode::UNPROCESSABLE_ENTITY, form(errors, None))
        }
        Ok(Registration::Closed) => return Ok(closed(pages)),
        Ok(Registration::InvitationDead(_)) => return Ok(pages.dead_link(LinkKind::Invitation)),
        Err(AccountError::Password(PasswordError::Overloaded(_)) | AccountError::Busy) => {
            (StatusCode::SERVICE_UNAVAILABLE, form(Vec::new(), Some(FormNotice::Busy)))
        }
        Err(AccountError::Throttled(throttled)) => {
            let form = form(Vec::new(), Some(throttled_notice(throttled)));
            let shown = show_form(pages, StatusCode::TOO_MANY_REQUESTS, after, form, initiator).await?;
            return Ok(with_retry_after(shown, throttled));
        }
        Err(error) => return Err(error.into()),
    };
    show_form(pages, status, after, form, initiator).await
}

/// The text of the page for a rule.
pub(super) fn error_of(rule: &BrokenRule) -> RegisterError {
    match rule {
        BrokenRule::Username(InvalidUsername::Length) => RegisterError::UsernameLength,
        BrokenRule::Username(InvalidUsername::OuterSpace) => RegisterError::UsernameOuterSpace,
        BrokenRule::Username(InvalidUsername::Character) => RegisterError::UsernameCharacters,
        BrokenRule::Username(InvalidUsername::MixedScripts) => RegisterError::UsernameScripts,
        // A registration names no roles.
        BrokenRule::Username(InvalidUsername::LooksLikeId) | BrokenRule::Roles(_) => {
            RegisterError::UsernameUnusable
        }
        BrokenRule::Email(_) => RegisterError::EmailUnreadable,
        BrokenRule::EmailMissing => RegisterError::EmailMissing,
        BrokenRule::Password(PasswordRule::TooShort(_)) => RegisterError::PasswordShort,
        BrokenRule::Password(PasswordRule::TooLong(max)) => RegisterError::PasswordLong { max: *max },
        BrokenRule::Password(PasswordRule::Common) => RegisterError::PasswordCommon,
        BrokenRule::Password(PasswordRule::EqualsNameOrAddress) => RegisterError::PasswordEqual,
    }
}
