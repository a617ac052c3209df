//! The claims about a person that an operator sets (OpenID Connect Core §5.1).

use std::fmt;

use serde_json::{Map, Value};

/// The longest text of a claim, in characters.
const MAX_TEXT: usize = 1000;

/// The largest set of claims, in bytes of its JSON text.
const MAX_BYTES: usize = 16 * 1024;

/// The type of a claim's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClaimType {
    Text,
    Url,
    Date,
    Boolean,
    Address,
}

/// The claims that can be set, with their types. The name, the e-mail address and the time of the last change come from the
/// account itself.
const CLAIMS: [(&str, ClaimType); 15] = [
    ("name", ClaimType::Text),
    ("given_name", ClaimType::Text),
    ("family_name", ClaimType::Text),
    ("middle_name", ClaimType::Text),
    ("nickname", ClaimType::Text),
    ("profile", ClaimType::Url),
    ("picture", ClaimType::Url),
    ("website", ClaimType::Url),
    ("gender", ClaimType::Text),
    ("birthdate", ClaimType::Date),
    ("zoneinfo", ClaimType::Text),
    ("locale", ClaimType::Text),
    ("phone_number", ClaimType::Text),
    ("phone_number_verified", ClaimType::Boolean),
    ("address", ClaimType::Address),
];

/// The members of `address` (OpenID Connect Core §5.1.1).
const ADDRESS: [&str; 6] = ["formatted", "street_address", "locality", "region", "postal_code", "country"];

/// The claims of a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileClaims(Map<String, Value>);

/// Why a text does not describe claims. The message does not contain a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidClaims {
    /// It is no JSON object.
    #[error("must be a JSON object, for example {{\"given_name\": \"Ada\"}}")]
    NoObject,
    /// There is no such claim, or it comes from the account itself.
    #[error("{0}: no claim that can be set; these can: {known}", known = Known)]
    Unknown(String),
    /// The value has the wrong type.
    #[error("{name}: must be {expected}, or null to remove it")]
    Type {
        /// The claim.
        name: String,
        /// What is allowed.
        expected: &'static str,
    },
    /// All claims together are too long.
    #[error("must have at most {MAX_BYTES} bytes in all")]
    TooLong,
}

/// The names of the claims, for a message.
struct Known;

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = CLAIMS.iter().map(|(name, _)| *name).collect();
        f.write_str(&names.join(", "))
    }
}

impl ProfileClaims {
    /// Reads stored claims. Those of a later release, which this one does not know, are left out.
    pub fn stored(text: &str) -> Option<Self> {
        let Ok(Value::Object(mut members)) = serde_json::from_str(text) else { return None };
        members.retain(|name, value| type_of(name).is_some_and(|claim_type| is_of_type(claim_type, value)));
        Some(Self(members))
    }

    /// These claims after a change: the JSON object's members replace claims, and `null` removes one.
    pub fn changed(&self, text: &str) -> Result<Self, InvalidClaims> {
        let Ok(Value::Object(changes)) = serde_json::from_str(text) else {
            return Err(InvalidClaims::NoObject);
        };
        let mut claims = self.0.clone();
        for (name, value) in changes {
            let Some(claim_type) = type_of(&name) else { return Err(InvalidClaims::Unknown(name)) };
            if value.is_null() {
                claims.remove(&name);
            } else if is_of_type(claim_type, &value) {
                claims.insert(name, value);
            } else {
                return Err(InvalidClaims::Type { name, expected: expected(claim_type) });
            }
        }
        let merged = Self(claims);
        if merged.to_string().len() > MAX_BYTES { Err(InvalidClaims::TooLong) } else { Ok(merged) }
    }

    /// The names of the claims that have another value here than in `other`, or a value in only one of them.
    pub fn names_that_differ(&self, other: &Self) -> Vec<&'static str> {
        CLAIMS.iter().map(|(name, _)| *name).filter(|name| self.get(name) != other.get(name)).collect()
    }

    /// The value of a claim.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The claims as a JSON object.
    pub fn as_object(&self) -> &Map<String, Value> {
        &self.0
    }
}

impl fmt::Display for ProfileClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(&self.0).unwrap_or_default())
    }
}

fn type_of(name: &str) -> Option<ClaimType> {
    CLAIMS.iter().find(|(known, _)| *known == name).map(|(_, claim_type)| *claim_type)
}

fn expected(claim_type: ClaimType) -> &'static str {
    match claim_type {
        ClaimType::Text => "a text of 1 to 1000 characters",
        ClaimType::Url => "an http or https URL",
        ClaimType::Date => "a date as 2001-12-31, 0000-12-31 or 2001",
        ClaimType::Boolean => "true or false",
        ClaimType::Address => {
            "an object of texts: formatted, street_address, locality, region, postal_code, country"
        }
    }
}

fn is_of_type(claim_type: ClaimType, value: &Value) -> bool {
    match claim_type {
        ClaimType::Text => is_text(value),
        ClaimType::Url => is_text(value) && value.as_str().is_some_and(is_web_url),
        ClaimType::Date => value.as_str().is_some_and(is_date),
        ClaimType::Boolean => value.is_boolean(),
        ClaimType::Address => value.as_object().is_some_and(|members| {
            let is_known =
                |(name, value): (&String, &Value)| ADDRESS.contains(&name.as_str()) && is_text(value);
            !members.is_empty() && members.iter().all(is_known)
        }),
    }
}

fn is_text(value: &Value) -> bool {
    let is_allowed = |c: char| !c.is_control() || matches!(c, '\n' | '\r');
    value
        .as_str()
        .is_some_and(|text| (1..=MAX_TEXT).contains(&text.chars().count()) && text.chars().all(is_allowed))
}

fn is_web_url(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// `YYYY-MM-DD`, where the year may be `0000` to be left out, or `YYYY`.
fn is_date(text: &str) -> bool {
    let number = |part: &str, length: usize| {
        (part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| part.parse::<u32>().ok())
            .flatten()
    };
    let parts: Vec<_> = text.split('-').collect();
    match parts.as_slice() {
        [year] => number(year, 4).is_some(),
        [year, month, day] => {
            number(year, 4).is_some()
                && number(month, 2).is_some_and(|month| (1..=12).contains(&month))
                && number(day, 2).is_some_and(|day| (1..=31).contains(&day))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(text: &str) -> Result<String, InvalidClaims> {
        ProfileClaims::default().changed(text).map(|claims| claims.to_string())
    }

    #[test]
    fn members_replace_and_null_removes() {
        let claims =
            ProfileClaims::default().changed(r#"{"given_name": "Ada", "gender": "female"}"#).unwrap();
        let claims = claims.changed(r#"{"given_name": null, "name": "Ada Lovelace"}"#).unwrap();
        assert_eq!(claims.to_string(), r#"{"gender":"female","name":"Ada Lovelace"}"#);
        assert_eq!(ProfileClaims::stored(&claims.to_string()), Some(claims.clone()));
        let changed = claims.changed(r#"{"gender": null, "name": "Ada Lovelace", "locale": "en"}"#).unwrap();
        assert_eq!(claims.names_that_differ(&changed), ["gender", "locale"]);
    }

    #[test]
    fn types_are_those_of_the_standard() {
        for good in [
            r#"{"birthdate": "1815-12-10", "zoneinfo": "Europe/London", "locale": "en-GB"}"#,
            r#"{"birthdate": "0000-12-10"}"#,
            r#"{"birthdate": "1815"}"#,
            r#"{"website": "https://example.org/ada", "picture": "https://example.org/a.png"}"#,
            r#"{"phone_number": "+44 20 7946 0000", "phone_number_verified": true}"#,
            r#"{"address": {"country": "GB", "formatted": "1 Street\nLondon"}}"#,
        ] {
            assert!(changed(good).is_ok(), "{good}: {:?}", changed(good));
        }
        for bad in [
            "",
            "[]",
            "\"Ada\"",
            r#"{"sub": "x"}"#,
            r#"{"email": "ada@example.org"}"#,
            r#"{"preferred_username": "x"}"#,
            r#"{"updated_at": 1}"#,
            r#"{"name": 7}"#,
            r#"{"name": ""}"#,
            r#"{"name": "a\u0000b"}"#,
            r#"{"birthdate": "1815-13-10"}"#,
            r#"{"birthdate": "10.12.1815"}"#,
            r#"{"website": "javascript:alert(1)"}"#,
            r#"{"phone_number_verified": "true"}"#,
            r#"{"address": "London"}"#,
            r#"{"address": {"planet": "Earth"}}"#,
            r#"{"address": {}}"#,
        ] {
            assert!(changed(bad).is_err(), "{bad}");
        }
        let long = format!(r#"{{"name": "{}"}}"#, "x".repeat(1001));
        assert!(changed(&long).is_err());
    }

    #[test]
    fn what_a_later_release_stored_is_left_out() {
        let stored = ProfileClaims::stored(r#"{"name": "Ada", "shoe_size": 38, "gender": 1}"#).unwrap();
        assert_eq!(stored.to_string(), r#"{"name":"Ada"}"#);
        assert_eq!(ProfileClaims::stored("no JSON"), None);
    }
}
