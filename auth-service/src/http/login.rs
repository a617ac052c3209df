//! `POST /auth/login`: the tokens go into cookies.

use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use service_kit::http::HttpError;
use shared_claims::actix::BearerAuth;
use utoipa::ToSchema;

use super::body;
use super::browser::BrowserSessions;
use super::caller::Caller;
use super::device::DeviceCookies;
use super::grants::{LoggedIn, log_in};
use crate::accounts::Accounts;
use crate::domain::EndReason;
use crate::tokens::Tokens;
use service_kit::docs::ProblemDetails;

/// The credentials. They are JSON, which a form on another site cannot send.
#[derive(Deserialize, ToSchema)]
pub(super) struct LoginRequest {
    #[schema(example = "alice")]
    username: String,
    #[schema(example = "correct horse battery staple", format = Password)]
    password: String,
}

/// Logs a browser in. The sessions that its cookies named before end, and the account knows the device from now on.
#[utoipa::path(
    post,
    path = "/auth/login",
    tag = "browser",
    request_body = LoginRequest,
    responses(
        (status = 204, description = "The cookies are set"),
        (status = 400, response = ProblemDetails),
        (status = 401, response = ProblemDetails),
        (status = 403, response = ProblemDetails),
        (status = 415, response = ProblemDetails),
        (status = 429, response = ProblemDetails),
        (status = 503, response = ProblemDetails),
    )
)]
pub(super) async fn login(
    request: HttpRequest,
    bearer: web::Data<BearerAuth>,
    accounts: web::Data<Accounts>,
    tokens: web::Data<Tokens>,
    (browser, devices): (web::Data<BrowserSessions>, web::Data<DeviceCookies>),
    caller: Caller,
    payload: web::Payload,
) -> Result<HttpResponse, HttpError> {
    bearer.origins().check_not_foreign(&request)?;
    let named = browser.read(&request).await?;
    let body: LoginRequest = body::read(&request, payload, accounts.password_rules()).await?;
    let scope = tokens.default_scope().clone();
    let initiator = caller.0.clone();
    let LoggedIn { tokens: issued, device } =
        log_in(&accounts, &tokens, &body.username, &body.password, scope, caller).await?;
    named.end(&tokens, EndReason::NewLogin, &initiator).await?;
    let mut response = HttpResponse::NoContent();
    browser.cookies().set(&mut response, &issued);
    response.cookie(devices.set(&device).map_err(HttpError::internal)?);
    Ok(response.insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store"))).finish())
}
