//! The part of the path that names a todo.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use service_kit::http::HttpError;
use uuid::Uuid;

use super::refuse::not_found;

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

/// The path under which callers find a todo.
pub(super) fn path_of(base_path: &str, id: Uuid) -> String {
    format!("{base_path}/todos/{}", id.hyphenated())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_usual_form_names_a_todo() {
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
