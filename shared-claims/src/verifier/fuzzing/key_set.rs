//! The fuzz check for key sets.

use std::collections::HashMap;

use base64::Engine as _;

use super::super::KeySet;
use super::STRICT_BASE64;
use crate::fuzzing::LenientJson;

const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Every usable key of a set is fit for RS256 and the only one with its `kid`.
pub fn key_set(data: &[u8]) {
    let Ok(set) = KeySet::from_json(data) else { return };
    assert!(set.len() <= KeySet::MAX_KEYS);
    let document = LenientJson::parse(data).expect("a set is JSON");
    let Some(LenientJson::List(entries)) = document.get("keys") else { panic!("a set without keys") };
    // An entry with a repeated member is not a key.
    let entries: Vec<&LenientJson> =
        entries.iter().filter(|entry| entry.members().is_some() && !repeats_itself(entry)).collect();
    let mut by_kid: HashMap<&str, Vec<&LenientJson>> = HashMap::new();
    for entry in &entries {
        if let Some(kid) = entry.get("kid").and_then(LenientJson::text) {
            by_kid.entry(kid).or_default().push(entry);
        }
    }
    let mut serving = 0;
    for (kid, entries) in by_kid {
        let Some(key) = set.get(kid) else { continue };
        serving += 1;
        assert_eq!(key.kid(), kid);
        let [entry] = entries.as_slice() else { panic!("a kid on {} keys", entries.len()) };
        assert!(is_fit(entry), "an unfit key serves");
        // A signature of 256 zero bytes is never valid.
        assert!(!key.verifies(b"message", &[0; 256]));
    }
    assert_eq!(serving, set.len(), "a key from nowhere");
}

/// Whether the object itself has a repeated member. Nested objects are not looked at.
fn repeats_itself(entry: &LenientJson) -> bool {
    let members = entry.members().unwrap_or_default();
    members.iter().enumerate().any(|(at, (name, _))| members.iter().take(at).any(|(other, _)| other == name))
}

fn is_fit(entry: &LenientJson) -> bool {
    let text = |name: &str| entry.get(name).and_then(LenientJson::text);
    let bytes = |name: &str| text(name).and_then(|text| STRICT_BASE64.decode(text).ok());
    let absent_or = |name: &str, wanted: &str| match entry.get(name) {
        None => true,
        Some(value) => value.text() == Some(wanted),
    };
    let verifies = match entry.get("key_ops") {
        None => true,
        Some(LenientJson::List(operations)) => operations.iter().any(|name| name.text() == Some("verify")),
        Some(_) => false,
    };
    let Some((modulus, exponent)) = bytes("n").zip(bytes("e")) else { return false };
    let bits = modulus.iter().skip_while(|byte| **byte == 0).count() * 8;
    let exponent: u128 = exponent.iter().fold(0, |number: u128, byte| {
        number.checked_mul(256).and_then(|number| number.checked_add(u128::from(*byte))).unwrap_or(u128::MAX)
    });
    text("kty") == Some("RSA")
        && PRIVATE.iter().all(|name| entry.get(name).is_none())
        && absent_or("use", "sig")
        && absent_or("alg", "RS256")
        && verifies
        && (2048..=8192).contains(&bits)
        && modulus.last().is_some_and(|last| last % 2 == 1)
        && exponent % 2 == 1
        && (3..=u128::from(u32::MAX)).contains(&exponent)
}
