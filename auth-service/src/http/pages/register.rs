//! `/register`: creates an account, signs its owner in, and goes on.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::form::{Fields, posted};
use super::login::signed_in_response;
use super::respond::show;
use super::{HostedPages, Purpose, stub_of};
use crate::accounts::{AccountError, BrokenRule, Registration, RegistrationRequest};
use crate::domain::{Handle, Initiator, InvalidUsername, PasswordRule};
use crate::http::caller::Caller;
use crate::pages::{Page as PageView, Register, RegisterError, RegisterNotice, Stub};
use crate::passwords::PasswordError;
use crate::sign_in::{Action, PendingSignIn, Progress, SignInError};
use crate::tokens::VerifiedCredentials;

/// Shows the form.
pub(in crate::http) async fn open(
    request: HttpRequest,
    pages: web::Data<HostedPages>,
    Caller(initiator): Caller,
) -> HttpResponse {
    let pending = Fields::of_query(&request).pending(&pages, Purpose::SignIn);
    let response = show_form(&pages, StatusCode::OK, pending.as_ref(), Register::default(), &initiator).await;
    pages.or_failure(&initiator, response)
}

/// Shows the form with the application that waits.
async fn show_form(
    pages: &HostedPages,
    status: StatusCode,
    pending: Option<&PendingSignIn>,
    form: Register,
    initiator: &Initiator,
) -> Result<HttpResponse, SignInError> {
    let Some(pending) = pending else { return Ok(show(pages, status, &PageView::Register(form))) };
    let stub: Stub = match pages.sign_ins.advance(pending, None, Action::opened(), initiator).await? {
        Progress::Page(needed) => stub_of(&needed),
        progress => return pages.follow(progress, initiator),
    };
    let request = Some(pages.sealed(Purpose::SignIn, pending)?);
    Ok(show(pages, status, &PageView::Register(Register { stub: Some(stub), request, ..form })))
}

/// Creates the account.
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
    let response = register(&pages, &fields, visitor.handle, &initiator).await;
    pages.or_failure(&initiator, response)
}

async fn register(
    pages: &HostedPages,
    fields: &Fields,
    handle: Option<Handle>,
    initiator: &Initiator,
) -> Result<HttpResponse, SignInError> {
    let pending = fields.pending(pages, Purpose::SignIn);
    let (username, email) = (fields.get("username"), fields.get("email").trim());
    let form = |errors: Vec<RegisterError>, notice: Option<RegisterNotice>| Register {
        username: username.to_owned(),
        email: email.to_owned(),
        errors,
        notice,
        ..Register::default()
    };
    let given = RegistrationRequest {
        username,
        password: fields.get("password"),
        email: (!email.is_empty()).then_some(email),
    };
    let (status, form) = match pages.accounts.register(given, initiator).await {
        Ok(Registration::Registered(user)) => {
            let proven = VerifiedCredentials { user_id: user.id, version: 1, upgrade: None };
            if let Some(signed_in) = pages.sign_ins.sign_in(proven, handle, initiator.clone()).await? {
                return signed_in_response(pages, pending.as_ref(), &signed_in, initiator).await;
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
        Err(AccountError::Password(PasswordError::Overloaded(_))) => {
            (StatusCode::SERVICE_UNAVAILABLE, form(Vec::new(), Some(RegisterNotice::Busy)))
        }
        Err(error) => return Err(error.into()),
    };
    show_form(pages, status, pending.as_ref(), form, initiator).await
}

/// The text of the page for a rule.
fn error_of(rule: &BrokenRule) -> RegisterError {
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
        BrokenRule::Password(PasswordRule::TooShort(_)) => RegisterError::PasswordShort,
        BrokenRule::Password(PasswordRule::TooLong(max)) => RegisterError::PasswordLong { max: *max },
    }
}
