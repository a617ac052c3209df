//! Runs Project Wycheproof's JSON Web Signature vectors against the checks of shape, header, key and signature. `typ`
//! and the claims are not checked, because the vectors do not have them.

use serde_json::Value;

use super::keys::KeySet;
use super::token::Parts;

const VECTORS: &str = include_str!("../../tests/data/wycheproof_json_web_signature_test.json");

/// Whether a vector that is valid by its result is refused on purpose: every algorithm but RS256.
fn refused_on_purpose(header: &Value) -> bool {
    header["alg"] != "RS256"
}

fn accepts(keys: &KeySet, token: &str) -> bool {
    let Ok(parts) = Parts::parse(token) else { return false };
    keys.get(&parts.kid).is_some_and(|key| key.verifies(parts.signed.as_bytes(), &parts.signature))
}

/// The key sets for a group: its key, and the same key without `alg`. With the second, a token of another algorithm
/// must be refused because of its own `alg`.
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
