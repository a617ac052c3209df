//! Reads JSON bodies, with a precise error for a body that is too large because of its password.

use std::collections::HashMap;

use actix_web::HttpRequest;
use actix_web::web::Payload;
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
        let member = huge_password(beginning, rules)?;
        Some(HttpError::field(member, PasswordRule::TooLong(rules.max_length).to_string()))
    })
    .await
}

/// The members that hold passwords.
const PASSWORDS: [&str; 3] = ["password", "current_password", "new_password"];

/// The member in which the beginning of a JSON object ends, if it holds a password of which this part is already too long to
/// be one.
#[expect(clippy::zero_sized_map_values, reason = "a set cannot be read from an object")]
fn huge_password(beginning: &str, rules: PasswordRules) -> Option<&'static str> {
    let mut reader = serde_json::Deserializer::from_str(beginning);
    let read = serde_path_to_error::deserialize::<_, HashMap<String, IgnoredAny>>(&mut reader);
    let error = read.err().filter(|error| error.inner().classify() == Category::Eof)?;
    let path = error.path().to_string();
    let member = PASSWORDS.into_iter().find(|member| *member == path)?;
    let begins = beginning.rfind(&format!("\"{member}\""))?;
    Password::is_out_of_reach(beginning.len() - begins, rules).then_some(member)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: PasswordRules = PasswordRules { min_length: 12, max_length: 256 };

    #[test]
    fn only_a_password_that_goes_on_beyond_the_limit_is_to_blame() {
        let long = "x".repeat(60_000);
        for (beginning, expected) in [
            (format!("{{\"username\": \"a\", \"password\": \"{long}"), Some("password")),
            (format!("{{\"current_password\": \"a\", \"new_password\": \"{long}"), Some("new_password")),
            (format!("{{\"current_password\": \"{long}"), Some("current_password")),
            (format!("{{\"password\":\"{long}"), Some("password")),
            (format!("{{\"other\": {{\"password\": \"b\"}}, \"password\":\"{long}\\"), Some("password")),
            (format!("{{\"username\": \"{long}"), None),
            (format!("{{\"password\": \"short\", \"username\": \"{long}"), None),
            (format!("{{\"username\": \"{long}\", \"password\": \"short"), None),
            (format!("{{\"other\": {{\"password\": \"{long}"), None),
            (format!("[\"password\", \"{long}"), None),
            (format!("no JSON {long}"), None),
        ] {
            assert_eq!(huge_password(&beginning, RULES), expected, "{}", &beginning[..40]);
        }
    }
}
