//! Extractors: an authenticated user with the required scopes, and the id of a todo in the path.

use std::future::{Future, Ready, ready};
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{Error, FromRequest, HttpRequest};
use service_kit::http::HttpError;
use shared_claims::actix::Authenticated;
use shared_claims::require::Requirement;
use shared_claims::required_scope;
use uuid::Uuid;

/// A user with the scopes of `S`, and then what `T` extracts. actix extracts the arguments of a handler concurrently:
/// without this type, a client without a token would have its body read and would learn what is wrong with it.
pub(super) struct Authorized<S: Requirement, T> {
    /// The user.
    pub(super) user: Authenticated<S>,
    /// The extracted value.
    pub(super) input: T,
}

impl<S, T> FromRequest for Authorized<S, T>
where
    S: Requirement,
    T: FromRequest + 'static,
{
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let mut payload = payload.take();
        Box::pin(async move {
            let user = Authenticated::from_request(&request, &mut payload).await?;
            let input = T::from_request(&request, &mut payload).await.map_err(Into::into)?;
            Ok(Self { user, input })
        })
    }
}

required_scope!(pub(super) TodosRead, "todos:read");
required_scope!(pub(super) TodosWrite, "todos:write");

/// The id in the path: a UUID with hyphens, in upper or lower case. Any other text is answered like an unknown id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TodoId(pub(super) Uuid);

impl TodoId {
    fn parse(text: &str) -> Option<Self> {
        // `Uuid::try_parse` also accepts other forms: without hyphens, in braces, as a URN.
        if text.len() == 36 { Uuid::try_parse(text).ok().map(Self) } else { None }
    }
}

impl FromRequest for TodoId {
    type Error = HttpError;
    type Future = Ready<Result<Self, HttpError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::parse(request.match_info().query("id")).ok_or_else(not_found))
    }
}

/// The response for a todo that does not exist or belongs to another user, and for an id that is not valid.
pub(super) fn not_found() -> HttpError {
    HttpError::new(StatusCode::NOT_FOUND, "Todo not found")
}

/// The path under which callers find a todo.
pub(super) fn path_of(base_path: &str, id: Uuid) -> String {
    format!("{base_path}/todos/{}", id.hyphenated())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_uuid_with_hyphens_is_a_todo_id() {
        let id = "019ab5a0-1c00-7000-8000-00000000000a";
        assert!(TodoId::parse(id).is_some());
        assert_eq!(TodoId::parse(&id.to_uppercase()), TodoId::parse(id));
        for text in
            ["", "1", "019ab5a01c0070008000000000000001", "{019ab5a0-1c00-7000-8000-00000000000a}", "%00"]
        {
            assert_eq!(TodoId::parse(text), None, "{text}");
        }
    }
}
