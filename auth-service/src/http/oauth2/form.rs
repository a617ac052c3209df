//! Reads the form of a request into a struct, strictly (RFC 6749 §3.2): only from the body, no parameter twice, and in
//! UTF-8.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{FromRequest, HttpRequest};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use service_kit::http::{BodyError, form_body, parameters};

use super::error::OauthError;

/// The most parameters of a request.
const MAX_PARAMETERS: usize = 100;

/// The only parameter that may occur more than once (RFC 8707 §2). It is a list in every struct.
const REPEATABLE: &str = "resource";

/// Parameters that are refused in the URL, because they may be secret and logs contain URLs. Other query parameters
/// are ignored.
const NOT_IN_URL: [&str; 15] = [
    "grant_type",
    "client_id",
    "client_secret",
    "client_assertion",
    "username",
    "password",
    "code",
    "code_verifier",
    "redirect_uri",
    "refresh_token",
    "scope",
    "resource",
    "token",
    "token_type_hint",
    "access_token",
];

/// A form. Parameters that `T` does not name are ignored, and one with an empty value counts as missing (RFC 6749
/// §3.2). `T` has only optional fields, so that a client authenticates before it learns that a parameter is missing.
pub(crate) struct OauthForm<T>(pub(crate) T);

impl<T: DeserializeOwned + 'static> FromRequest for OauthForm<T> {
    type Error = OauthError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, OauthError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let mut payload = payload.take();
        Box::pin(async move {
            let body = form_body(&request, &mut payload).await?;
            if request.headers().get_all(CONTENT_TYPE).count() != 1 {
                return Err(NO_FORM);
            }
            let query = read(request.query_string())?;
            if query.iter().any(|(name, _)| NOT_IN_URL.contains(&name.as_str())) {
                return Err(OauthError::InvalidRequest("parameters belong in the body, not in the URL"));
            }
            into_struct(read(&body)?).map(Self)
        })
    }
}

const NO_FORM: OauthError = OauthError::InvalidRequest("the body must be application/x-www-form-urlencoded");

impl From<BodyError> for OauthError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Encoded => Self::Encoded,
            BodyError::OtherType(_) => NO_FORM,
            BodyError::TooLarge => Self::TooLarge,
            BodyError::EndedEarly(_) => Self::InvalidRequest("the body ended early"),
            BodyError::NotUtf8 => Self::InvalidRequest("the parameters are not UTF-8"),
        }
    }
}

fn read(text: &str) -> Result<Vec<(String, String)>, OauthError> {
    let read: Vec<_> = parameters(text)?.into_owned().take(MAX_PARAMETERS + 1).collect();
    if read.len() > MAX_PARAMETERS {
        return Err(OauthError::InvalidRequest("there are too many parameters"));
    }
    Ok(read)
}

fn into_struct<T: DeserializeOwned>(parameters: Vec<(String, String)>) -> Result<T, OauthError> {
    let mut fields = Map::new();
    let mut repeated = Vec::new();
    for (name, value) in parameters {
        if name == REPEATABLE {
            if !value.is_empty() {
                repeated.push(Value::String(value));
            }
            continue;
        }
        // An empty value is `null`, so that the parameter cannot occur a second time.
        let value = if value.is_empty() { Value::Null } else { Value::String(value) };
        if fields.insert(name, value).is_some() {
            return Err(OauthError::InvalidRequest("a parameter occurs more than once"));
        }
    }
    fields.insert(REPEATABLE.to_owned(), Value::Array(repeated));
    serde_json::from_value(Value::Object(fields))
        .map_err(|_| OauthError::InvalidRequest("a parameter has the wrong form"))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    struct Example {
        scope: Option<String>,
        code: Option<String>,
        resource: Vec<String>,
    }

    fn example(text: &str) -> Result<Example, OauthError> {
        into_struct(read(text)?)
    }

    #[test]
    fn what_is_encoded_is_decoded_once_and_in_utf_8() {
        for (encoded, decoded) in [
            ("plain-._~", Some("plain-._~")),
            ("a%3Ab%25c%2Bd+e", Some("a:b%c+d e")),
            ("%C3%A4%e2%82%ac", Some("ä€")),
            ("%2541", Some("%41")),
            ("100%", Some("100%")),
            ("%4", Some("%4")),
            ("%zz", Some("%zz")),
            ("%FF", None),
            ("%C3", None),
        ] {
            let scope = example(&format!("scope={encoded}")).map(|read| read.scope);
            assert_eq!(scope.ok().flatten().as_deref(), decoded, "{encoded}");
        }
    }

    #[test]
    fn parameters_are_read_in_order_and_not_without_end() {
        let parsed = read("a=1&&b=2=3&c&=d").ok().unwrap();
        let expected = [("a", "1"), ("b", "2=3"), ("c", ""), ("", "d")];
        assert_eq!(parsed, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert!(read(&"a=1&".repeat(MAX_PARAMETERS)).is_ok());
        assert!(read(&"a=1&".repeat(MAX_PARAMETERS + 1)).is_err());
    }

    #[test]
    fn only_resource_may_occur_more_than_once_and_an_empty_value_counts_as_missing() {
        let read = example("scope=&resource=x&resource=&resource=y&unknown=1").unwrap();
        let resource = vec!["x".to_owned(), "y".to_owned()];
        assert_eq!(read, Example { resource, ..Example::default() });
        for twice in ["scope=a&scope=a", "scope=&scope=a", "unknown=1&unknown=2"] {
            assert!(example(twice).is_err(), "{twice}");
        }
    }
}
