//! `POST /auth/email`, `/auth/email/verify` and `/auth/email/verify/request`.

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, WWW_AUTHENTICATE};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use service_kit::docs::ProblemDetails;
use service_kit::http::HttpError;
use shared_claims::actix::{Authenticated, BearerAuth};
use shared_claims::claims::FIRST_PARTY_CLIENT;
use utoipa::ToSchema;
use uuid::Uuid;

use super::body;
use super::caller::{Caller, user_id};
use super::passwords::{IdentifierRequest, answer, dead_link, no_mail, wrong_password};
use crate::accounts::{Accounts, AddressChange, AddressProof, AddressVerification};

/// The new address and the password of the account.
#[derive(Deserialize, ToSchema)]
pub(super) struct ChangeRequest {
    #[schema(example = "alice@example.org")]
    email: String,
    #[schema(example = "correct horse battery staple", format = Password)]
    password: String,
}

/// The token of a mailed link. The password is needed where no session of the account that signed in within the last hour
/// comes with the request.
#[derive(Deserialize, ToSchema)]
pub(super) struct VerifyRequest {
    #[schema(example = "lkm_…")]
    token: String,
    #[serde(default)]
    #[schema(example = "correct horse battery staple", format = Password)]
    password: Option<String>,
}

/// Asks for another address. It gets a link, the present one a notice, and nothing changes before the link is confirmed.
#[utoipa::path(
    post,
    path = "/auth/email",
    tag = "account",
    security(("bearer" = []), ("password" = [])),
    request_body = ChangeRequest,
    responses(
        (status = 202, description = "A mail to the new address is on its way"),
        (status = 401, response = ProblemDetails),
        (status = 403, response = ProblemDetails),
        (status = 422, response = ProblemDetails),
        (status = 429, response = ProblemDetails),
        (status = 501, response = ProblemDetails),
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
    let user_id = user_id(&token)?;
    let (email, password) = (&body.email, &body.password);
    match accounts.request_address_change(user_id, email, password, FIRST_PARTY_CLIENT, &initiator).await? {
        AddressChange::Requested => Ok(HttpResponse::Accepted().finish()),
        AddressChange::WrongPassword => Err(wrong_password("password")),
        AddressChange::Invalid(rule) => Err(HttpError::field("email", rule.to_string())),
        AddressChange::NoMail => Err(no_mail()),
    }
}

/// Verifies an address with the token of a mailed link: by a session of the account that signed in within the last hour, or
/// with the password of the account.
#[utoipa::path(
    post,
    path = "/auth/email/verify",
    tag = "account",
    security((), ("bearer" = []), ("password" = [])),
    request_body = VerifyRequest,
    responses(
        (status = 204, description = "The address is verified"),
        (status = 400, response = ProblemDetails),
        (status = 401, response = ProblemDetails),
        (status = 422, response = ProblemDetails),
        (status = 429, response = ProblemDetails),
        (status = 503, response = ProblemDetails),
    )
)]
pub(super) async fn verify(
    request: HttpRequest,
    bearer: web::Data<BearerAuth>,
    accounts: web::Data<Accounts>,
    Caller(initiator): Caller,
    payload: web::Payload,
) -> Result<HttpResponse, HttpError> {
    let session = session_of(&bearer, &request).await?;
    let body: VerifyRequest = body::read(&request, payload, accounts.password_rules()).await?;
    let proof = AddressProof { session, password: body.password.as_deref() };
    match accounts.verify_address(&body.token, proof, FIRST_PARTY_CLIENT, &initiator).await? {
        AddressVerification::Verified => Ok(HttpResponse::NoContent().finish()),
        AddressVerification::NotProven => Err(not_proven()),
        AddressVerification::Dead(dead) => Err(dead_link(dead)),
    }
}

/// The user of the session that comes with a request, and when the user signed in. A token that is refused counts as none:
/// the password may come in its place.
async fn session_of(bearer: &BearerAuth, request: &HttpRequest) -> Result<Option<(Uuid, i64)>, HttpError> {
    match bearer.authenticate(request).await {
        Ok(verified) => {
            let claims = verified.claims();
            Ok(claims.auth_time.map(|at_s| user_id(claims).map(|id| (id, at_s))).transpose()?)
        }
        Err(refused) if refused.problem().status >= 500 => Err(refused.into()),
        Err(_) => Ok(None),
    }
}

fn not_proven() -> HttpError {
    let detail = "Sign in to the account of this link, or give its password";
    HttpError::new(StatusCode::UNAUTHORIZED, detail)
        .with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}

/// Mails the verification link again, for the unverified address of the user of this name. The response is always the same.
#[utoipa::path(
    post,
    path = "/auth/email/verify/request",
    tag = "account",
    request_body = IdentifierRequest,
    responses(
        (status = 202, description = "If there is such a user with an unverified address, a mail is on its way"),
        (status = 422, response = ProblemDetails),
        (status = 429, response = ProblemDetails),
        (status = 501, response = ProblemDetails),
        (status = 503, response = ProblemDetails),
    )
)]
pub(super) async fn request_verification(
    request: HttpRequest,
    accounts: web::Data<Accounts>,
    Caller(initiator): Caller,
    payload: web::Payload,
) -> Result<HttpResponse, HttpError> {
    let body: IdentifierRequest = body::read(&request, payload, accounts.password_rules()).await?;
    answer(accounts.request_verification(&body.identifier, &initiator).await?)
}
