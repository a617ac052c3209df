//! A JSON body that may be larger than is read, if that is its password's fault.

use actix_web::http::header::CONTENT_LENGTH;
use actix_web::web::Payload;
use actix_web::{FromRequest, HttpRequest};
use serde::Deserialize;
use service_kit::http::{BODY_LIMIT, Json, Refusal};

use crate::domain::{Password, PasswordRule, PasswordRules};

/// Beyond this nobody looks for the reason.
const LOOKED_INTO: usize = 2 * 1024 * 1024;

#[derive(Deserialize)]
struct PasswordOnly {
    password: String,
}

/// Reads a JSON body as [`Json`] does. One above the limit because of a huge password is told so (422), before anything
/// is done with it.
pub(super) async fn read<T: serde::de::DeserializeOwned + 'static>(
    request: &HttpRequest,
    payload: Payload,
    rules: PasswordRules,
) -> Result<T, Refusal> {
    let announced =
        request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    match announced {
        Some(length) if (BODY_LIMIT + 1..=LOOKED_INTO).contains(&length) => {
            let too_large = Json::<T>::from_request(request, &mut actix_web::dev::Payload::None).await;
            let refusal = too_large.err().unwrap_or_else(|| Refusal::internal("a body of no bytes was read"));
            let Ok(Ok(bytes)) = payload.to_bytes_limited(LOOKED_INTO).await else { return Err(refusal) };
            let password = serde_json::from_slice::<PasswordOnly>(&bytes);
            match password {
                Ok(found) if Password::is_out_of_reach(found.password.len(), rules) => {
                    Err(Refusal::field("password", PasswordRule::TooLong(rules.max_length).to_string()))
                }
                _ => Err(refusal),
            }
        }
        _ => Ok(Json::<T>::from_request(request, &mut payload.into_inner()).await?.into_inner()),
    }
}
