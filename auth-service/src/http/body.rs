//! Reads JSON bodies, with a precise error for a body that is too large because of its password.

use actix_web::HttpRequest;
use actix_web::web::Payload;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::error::Category;
use service_kit::http::{HttpError, Json};

use crate::domain::{Password, PasswordRule, PasswordRules};

/// Reads a JSON body as [`Json`] does. If a body is above the size limit because of a huge password, the error says
/// so (422). This is decided from the part within the limit; the rest is not read.
pub(super) async fn read<T: DeserializeOwned>(
    request: &HttpRequest,
    payload: Payload,
    rules: PasswordRules,
) -> Result<T, HttpError> {
    Json::<T>::read_or_else(request, &mut payload.into_inner(), |beginning| {
        ends_in_huge_password(beginning, rules)
            .then(|| HttpError::field("password", PasswordRule::TooLong(rules.max_length).to_string()))
    })
    .await
}

/// Whether the beginning of a JSON object ends inside its member `password`, and the part of that member is already
/// too long to be a password.
fn ends_in_huge_password(beginning: &str, rules: PasswordRules) -> bool {
    #[derive(Deserialize)]
    struct PasswordOnly {
        #[serde(rename = "password")]
        _password: IgnoredAny,
    }
    let mut reader = serde_json::Deserializer::from_str(beginning);
    let Err(error) = serde_path_to_error::deserialize::<_, PasswordOnly>(&mut reader) else { return false };
    let is_cut = error.inner().classify() == Category::Eof;
    let begins = beginning.rfind("\"password\"").unwrap_or(beginning.len());
    is_cut
        && error.path().to_string() == "password"
        && Password::is_out_of_reach(beginning.len() - begins, rules)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: PasswordRules = PasswordRules { min_length: 12, max_length: 256 };

    #[test]
    fn only_a_password_that_goes_on_beyond_the_limit_is_to_blame() {
        let long = "x".repeat(60_000);
        for (beginning, expected) in [
            (format!("{{\"username\": \"a\", \"password\": \"{long}"), true),
            (format!("{{\"password\":\"{long}"), true),
            (format!("{{\"other\": {{\"password\": \"b\"}}, \"password\":\"{long}\\"), true),
            (format!("{{\"username\": \"{long}"), false),
            (format!("{{\"password\": \"short\", \"username\": \"{long}"), false),
            (format!("{{\"username\": \"{long}\", \"password\": \"short"), false),
            (format!("{{\"other\": {{\"password\": \"{long}"), false),
            (format!("[\"password\", \"{long}"), false),
            (format!("no JSON {long}"), false),
        ] {
            assert_eq!(ends_in_huge_password(&beginning, RULES), expected, "{}", &beginning[..40]);
        }
    }
}
