//! Project Wycheproof's JSON Web Signature vectors against shape, header, key and signature: everything of a check
//! but `typ` and the claims, which the vectors do not have.

use serde_json::Value;

use super::keys::KeySet;
use super::token::Parts;

const VECTORS: &str = include_str!("../../tests/data/wycheproof_json_web_signature_test.json");

/// What the vectors call valid and we refuse on purpose: everything that is not RS256. Of RS256, nothing.
fn refused_on_purpose(header: &Value) -> bool {
    header["alg"] != "RS256"
}

fn accepts(keys: &KeySet, token: &str) -> bool {
    let Ok(parts) = Parts::parse(token) else { return false };
    keys.get(&parts.kid).is_some_and(|key| key.verifies(parts.signed.as_bytes(), &parts.signature))
}

/// The set of the group's key. Keys that are there for another algorithm are offered a second time as if they had
/// named none, so that it is the token's `alg` that is refused.
fn key_sets(group: &Value) -> Vec<KeySet> {
    let Value::Object(key) = group.get("public").unwrap_or(&group["private"]) else { panic!("{group}") };
    let mut nameless = key.clone();
    nameless.remove("alg");
    [key.clone(), nameless]
        .into_iter()
        .map(|key| KeySet::from_json(serde_json::json!({ "keys": [key] }).to_string().as_bytes()).unwrap())
        .collect()
}

fn header(token: &str) -> Value {
    use base64::Engine as _;
    let first = token.split('.').next().unwrap_or_default();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(first).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

#[test]
fn every_vector_is_answered_as_it_should_be() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let (mut run, mut accepted, mut on_purpose) = (0, 0, 0);
    for group in vectors["testGroups"].as_array().unwrap() {
        let key_sets = key_sets(group);
        for test in group["tests"].as_array().unwrap() {
            run += 1;
            let token = test["jws"].as_str().unwrap();
            let valid = test["result"] == "valid";
            let expected = valid && !refused_on_purpose(&header(token));
            on_purpose += usize::from(valid && !expected);
            accepted += usize::from(expected);
            assert_eq!(accepts(&key_sets[0], token), expected, "{} {}", test["tcId"], test["comment"]);
            if refused_on_purpose(&header(token)) {
                assert!(!accepts(&key_sets[1], token), "{} {}", test["tcId"], test["comment"]);
            }
        }
    }
    assert_eq!(vectors["numberOfTests"], run);
    assert!(accepted > 0, "no RS256 vector was accepted");
    assert!(on_purpose > 0, "no other algorithm was there to be refused");
}
