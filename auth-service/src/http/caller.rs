//! The caller of a request: its program and address, and the user and session in its token.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{ACCEPT_LANGUAGE, USER_AGENT};
use actix_web::{FromRequest, HttpRequest, web};
use service_kit::http::{ClientAddress, HttpError, RequestId, add_to_response};
use shared_claims::claims::Claims;
use uuid::Uuid;

use super::device::DeviceCookies;
use super::proxy_watch::ProxyWatch;
use super::rate_limit;
use crate::domain::{Actor, BudgetReport, Device, Initiator};
use crate::pages::Locale;

/// The most of a `User-Agent` header that is kept.
const MAX_USER_AGENT: usize = 256;

/// Extracts the initiator of a request: the caller's program and address, its cookie for known devices, and the request's
/// id.
#[derive(Debug)]
pub(super) struct Caller(pub(super) Initiator);

impl FromRequest for Caller {
    type Error = HttpError;
    type Future = Ready<Result<Self, HttpError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let user_agent = request.headers().get(USER_AGENT).and_then(|value| value.to_str().ok());
        let user_agent = user_agent.map(|text| text.chars().take(MAX_USER_AGENT).collect());
        let accepted = request.headers().get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        let language = accepted.and_then(Locale::of_accept_language);
        let address = ClientAddress::from_request(request, payload).into_inner();
        let devices = request.app_data::<web::Data<DeviceCookies>>();
        let cookie = devices.and_then(|devices| devices.read(request));
        let request_id = RequestId::from_request(request, payload).into_inner();
        if let Some(watch) = request.app_data::<web::Data<ProxyWatch>>() {
            watch.note(request);
        }
        ready(address.and_then(|ClientAddress(address)| {
            Ok(Self(Initiator {
                actor: Actor::Caller,
                device: Device { user_agent, address: Some(address.to_string()) },
                cookie,
                request_id: Some(request_id?.as_str().to_owned()),
                language: language.map(Locale::lang),
                budget: reported_budget(request),
            }))
        }))
    }
}

/// The report of what is left of the caller's attempts to log in, which the response will carry.
fn reported_budget(request: &HttpRequest) -> BudgetReport {
    let report = BudgetReport::default();
    let reported = report.clone();
    add_to_response(request, move |headers| {
        if let Some(budget) = reported.get() {
            rate_limit::add(headers, budget);
        }
    });
    report
}

/// The user id in a first-party token.
pub(super) fn user_id(claims: &Claims) -> Result<Uuid, HttpError> {
    claims.sub.parse().map_err(|_| HttpError::internal("the subject of a first-party token is no user"))
}

/// The session that the token belongs to.
pub(super) fn current_session(claims: &Claims) -> Option<Uuid> {
    claims.sid.map(|sid| Uuid::from_bytes(*sid.as_bytes()))
}
