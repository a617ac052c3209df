//! The caller of a request: its program and address, and the user and session in its token.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::USER_AGENT;
use actix_web::{FromRequest, HttpRequest};
use service_kit::http::{ClientAddress, HttpError, RequestId};
use shared_claims::claims::Claims;
use uuid::Uuid;

use crate::domain::{Actor, Device, Initiator};

/// The most of a `User-Agent` header that is kept.
const MAX_USER_AGENT: usize = 256;

/// Extracts the initiator of a request: the caller's program and address, and the request's id.
#[derive(Debug)]
pub(super) struct Caller(pub(super) Initiator);

impl FromRequest for Caller {
    type Error = HttpError;
    type Future = Ready<Result<Self, HttpError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let user_agent = request.headers().get(USER_AGENT).and_then(|value| value.to_str().ok());
        let user_agent = user_agent.map(|text| text.chars().take(MAX_USER_AGENT).collect());
        let address = ClientAddress::from_request(request, payload).into_inner();
        let request_id = RequestId::from_request(request, payload).into_inner();
        ready(address.and_then(|ClientAddress(address)| {
            Ok(Self(Initiator {
                actor: Actor::Caller,
                device: Device { user_agent, address: Some(address.to_string()) },
                request_id: Some(request_id?.as_str().to_owned()),
            }))
        }))
    }
}

/// The user id in a first-party token.
pub(super) fn user_id(claims: &Claims) -> Result<Uuid, HttpError> {
    claims.sub.parse().map_err(|_| HttpError::internal("the subject of a first-party token is no user"))
}

/// The session that the token belongs to.
pub(super) fn current_session(claims: &Claims) -> Option<Uuid> {
    claims.sid.map(|sid| Uuid::from_bytes(*sid.as_bytes()))
}
