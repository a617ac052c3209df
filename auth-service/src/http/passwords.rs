//! `POST /auth/password`, `/auth/password/forgot` and `/auth/password/reset`.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use service_kit::docs::ProblemDetails;
use service_kit::http::HttpError;
use shared_claims::actix::Authenticated;
use shared_claims::claims::FIRST_PARTY_CLIENT;
use utoipa::ToSchema;

use super::account::invalid;
use super::body;
use super::caller::{Caller, current_session, user_id};
use crate::accounts::{
    Accounts, DeadLink, KeptSession, MailWish, PasswordChange, PasswordChangeRequest, Reset,
};

/// The current password and the new one.
#[derive(Deserialize, ToSchema)]
pub(super) struct ChangeRequest {
    #[schema(example = "correct horse battery staple", format = Password)]
    current_password: String,
    #[schema(example = "a different horse with other staples", format = Password)]
    new_password: String,
}

/// Who is meant.
#[derive(Deserialize, ToSchema)]
pub(super) struct IdentifierRequest {
    /// The user's name or e-mail address
    #[schema(example = "alice@example.com", max_length = 500)]
    pub(super) identifier: String,
}

/// The token of a mailed link and the new password.
#[derive(Deserialize, ToSchema)]
pub(super) struct ResetRequest {
    #[schema(example = "lkm_…")]
    token: String,
    #[schema(example = "a different horse with other staples", format = Password)]
    password: String,
}

/// Changes the password. Every other session of the user ends; the session of this request stays.
#[utoipa::path(
    post,
    path = "/auth/password",
    tag = "account",
    security(("bearer" = []), ("password" = [])),
    request_body = ChangeRequest,
    responses(
        (status = 204, description = "The password is the new one. Every other session has ended, mailed links and a pending address are void"),
        (status = 401, response = ProblemDetails),
        (status = 403, response = ProblemDetails),
        (status = 422, response = ProblemDetails),
        (status = 429, response = ProblemDetails),
        (status = 503, response = ProblemDetails),
    )
)]
pub(super) async fn change(
    token: Authenticated,
    request: HttpRequest,
    accounts: web::Data<Accounts>,
    Caller(initiator): Caller,
    payload: web::Payload,
) -> Result<HttpResponse, HttpError> {
    let body: ChangeRequest = body::read(&request, payload, accounts.password_rules()).await?;
    let kept = current_session(&token)
        .ok_or_else(|| HttpError::internal("a first-party token names no session"))
        .map(KeptSession::FirstParty)?;
    let change = PasswordChangeRequest {
        user_id: user_id(&token)?,
        kept,
        current: &body.current_password,
        new: &body.new_password,
    };
    match accounts.change_password(change, FIRST_PARTY_CLIENT, &initiator).await? {
        PasswordChange::Changed(_) => Ok(HttpResponse::NoContent().finish()),
        PasswordChange::WrongPassword => Err(wrong_password("current_password")),
        PasswordChange::Invalid(broken) => Err(invalid(broken)),
    }
}

/// Mails a link with which a new password is chosen, if the identifier belongs to a user with a verified address. The response
/// is always the same.
#[utoipa::path(
    post,
    path = "/auth/password/forgot",
    tag = "account",
    request_body = IdentifierRequest,
    responses(
        (status = 202, description = "If there is such a user, a mail is on its way"),
        (status = 422, response = ProblemDetails),
        (status = 429, response = ProblemDetails),
        (status = 501, response = ProblemDetails),
        (status = 503, response = ProblemDetails),
    )
)]
pub(super) async fn forgot(
    request: HttpRequest,
    accounts: web::Data<Accounts>,
    Caller(initiator): Caller,
    payload: web::Payload,
) -> Result<HttpResponse, HttpError> {
    let body: IdentifierRequest = body::read(&request, payload, accounts.password_rules()).await?;
    answer(accounts.forgot(&body.identifier, &initiator).await?)
}

/// Sets a new password with the token of a mailed link. Every session of the user ends.
#[utoipa::path(
    post,
    path = "/auth/password/reset",
    tag = "account",
    request_body = ResetRequest,
    responses(
        (status = 204, description = "The password is the new one. Every session has ended, every other link is void"),
        (status = 400, response = ProblemDetails),
        (status = 422, response = ProblemDetails),
        (status = 429, response = ProblemDetails),
        (status = 503, response = ProblemDetails),
    )
)]
pub(super) async fn reset(
    request: HttpRequest,
    accounts: web::Data<Accounts>,
    Caller(initiator): Caller,
    payload: web::Payload,
) -> Result<HttpResponse, HttpError> {
    let body: ResetRequest = body::read(&request, payload, accounts.password_rules()).await?;
    match accounts.reset(&body.token, &body.password, FIRST_PARTY_CLIENT, &initiator).await? {
        Reset::Done => Ok(HttpResponse::NoContent().finish()),
        Reset::Dead(dead) => Err(dead_link(dead)),
        Reset::Invalid(broken) => Err(invalid(broken)),
    }
}

/// The answer to the wish for a mail: it does not say whether anybody gets one.
pub(super) fn answer(wish: MailWish) -> Result<HttpResponse, HttpError> {
    match wish {
        MailWish::Queued => Ok(HttpResponse::Accepted().finish()),
        MailWish::Invalid => Err(HttpError::field("identifier", "must be a name or an e-mail address")),
        MailWish::NoMail => Err(no_mail()),
    }
}

/// The answer where this service sends no mail.
pub(super) fn no_mail() -> HttpError {
    HttpError::new(StatusCode::NOT_IMPLEMENTED, "This service sends no mail: ask its operator for help")
}

/// The answer to a link that does not work.
pub(super) fn dead_link(dead: DeadLink) -> HttpError {
    let detail = match dead {
        DeadLink::Used => "This link was used already: ask for a new one",
        DeadLink::Over => "This link does not work any more: ask for a new one",
    };
    HttpError::new(StatusCode::BAD_REQUEST, detail)
}

/// The answer to a wrong password of somebody who is signed in.
pub(super) fn wrong_password(field: &'static str) -> HttpError {
    HttpError::field(field, "is not the password of this account")
}
