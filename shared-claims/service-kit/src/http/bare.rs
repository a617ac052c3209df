//! Turns plain-text errors of actix-web or another middleware into problems. Their text is dropped: it is written for
//! developers and may contain what the client sent.

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use shared_claims::problem::Problem;

use super::problem_response;

/// Whether the response is an error without a body or with plain text.
fn is_plain_text_error(response: &HttpResponse) -> bool {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return false;
    }
    match response.headers().get(CONTENT_TYPE) {
        Some(kind) => kind.as_bytes().starts_with(b"text/plain"),
        None => true,
    }
}

fn to_problem(bare: &HttpResponse) -> HttpResponse {
    let code = http::StatusCode::from_u16(bare.status().as_u16()).unwrap_or_default();
    let mut response = problem_response(Problem::new(code, code.canonical_reason().unwrap_or("Error")));
    for (name, value) in bare.headers() {
        if name != CONTENT_TYPE && name != CONTENT_LENGTH {
            response.headers_mut().append(name.clone(), value.clone());
        }
    }
    response
}

/// The response, converted to a problem if it is a plain-text error.
pub(super) fn problem_if_plain_text(response: HttpResponse) -> HttpResponse {
    if is_plain_text_error(&response) { to_problem(&response) } else { response }
}
