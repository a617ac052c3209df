//! The parameter `claims` of an authorization request (OpenID Connect Core §5.5).

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// The claims of the userinfo response, each with the scope that holds it (OpenID Connect Core §5.4).
pub const USERINFO_CLAIMS: [(&str, &str); 19] = [
    ("name", "profile"),
    ("given_name", "profile"),
    ("family_name", "profile"),
    ("middle_name", "profile"),
    ("nickname", "profile"),
    ("preferred_username", "profile"),
    ("profile", "profile"),
    ("picture", "profile"),
    ("website", "profile"),
    ("gender", "profile"),
    ("birthdate", "profile"),
    ("zoneinfo", "profile"),
    ("locale", "profile"),
    ("updated_at", "profile"),
    ("email", "email"),
    ("email_verified", "email"),
    ("phone_number", "phone"),
    ("phone_number_verified", "phone"),
    ("address", "address"),
];

/// What the parameter asks for. Members that are unknown or cannot be read are ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestedClaims {
    /// The members of the userinfo response.
    pub userinfo: BTreeSet<String>,
    /// The user for whom the answer must be, as `id_token_hint` names one.
    pub subject: Option<String>,
    /// The authentication context classes of which one must be met.
    pub essential_acr: Option<BTreeSet<String>>,
}

impl RequestedClaims {
    /// Reads the parameter's JSON text.
    pub fn parse(text: &str) -> Self {
        let Ok(Value::Object(members)) = serde_json::from_str(text) else { return Self::default() };
        let object = |name: &str| members.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
        let (userinfo, id_token) = (object("userinfo"), object("id_token"));
        Self {
            userinfo: userinfo.keys().filter(|name| Self::scope_of(name).is_some()).cloned().collect(),
            subject: value_of(&id_token, "sub"),
            essential_acr: essential_acr(&id_token),
        }
    }

    /// The scope that holds this claim of the userinfo response; `None` for an unknown claim.
    pub fn scope_of(claim: &str) -> Option<&'static str> {
        USERINFO_CLAIMS.iter().find(|(name, _)| *name == claim).map(|(_, scope)| *scope)
    }
}

fn value_of(claims: &Map<String, Value>, name: &str) -> Option<String> {
    claims.get(name)?.get("value")?.as_str().map(str::to_owned)
}

/// The accepted values of `acr`, if the claim is essential and names values.
fn essential_acr(claims: &Map<String, Value>) -> Option<BTreeSet<String>> {
    let acr = claims.get("acr")?;
    if acr.get("essential") != Some(&Value::Bool(true)) {
        return None;
    }
    let single = value_of(claims, "acr");
    let several = acr.get("values").and_then(Value::as_array).into_iter().flatten();
    let values: BTreeSet<_> = several.filter_map(Value::as_str).map(str::to_owned).chain(single).collect();
    (!values.is_empty()).then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(values: &[&str]) -> BTreeSet<String> {
        values.iter().map(|&value| value.to_owned()).collect()
    }

    #[test]
    fn known_members_are_read_and_everything_else_is_ignored() {
        let claims = RequestedClaims::parse(
            r#"{"userinfo": {"name": {"essential": true}, "email": null, "https://example.org/x": null},
                "id_token": {"sub": {"value": "ada"}, "auth_time": {"essential": true}, "acr": {"values": ["aal2"]}},
                "other": 1}"#,
        );
        assert_eq!(claims.userinfo, names(&["email", "name"]));
        assert_eq!(claims.subject.as_deref(), Some("ada"));
        assert_eq!(claims.essential_acr, None, "a voluntary acr is no requirement");
        for text in ["", "[]", "{", "{\"userinfo\": 1}", "{\"id_token\": {\"sub\": {\"value\": 7}}}", "null"]
        {
            assert_eq!(RequestedClaims::parse(text), RequestedClaims::default(), "{text}");
        }
    }

    #[test]
    fn an_essential_acr_names_what_must_be_met() {
        let parse = |acr: &str| RequestedClaims::parse(&format!("{{\"id_token\": {{\"acr\": {acr}}}}}"));
        assert_eq!(
            parse(r#"{"essential": true, "values": ["aal2", "aal1"]}"#).essential_acr,
            Some(names(&["aal1", "aal2"]))
        );
        assert_eq!(parse(r#"{"essential": true, "value": "aal3"}"#).essential_acr, Some(names(&["aal3"])));
        assert_eq!(parse(r#"{"essential": true}"#).essential_acr, None);
        assert_eq!(parse(r#"{"essential": "true", "value": "aal3"}"#).essential_acr, None);
    }
}
