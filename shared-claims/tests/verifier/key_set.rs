//! SECURITY-CASES A19: malicious key sets. A key that cannot be used is left out, the others are used.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use shared_claims::testing::TestKey;
use shared_claims::verifier::{KeyRefused, KeySet, PublicKey, Reason, VerifyError};

use crate::support::{builder, clock, token};

fn set(keys: &Value) -> KeySet {
    KeySet::from_json(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

/// The JWK of the first shared key with these members changed. A `null` removes the member.
fn changed(changes: &Value) -> Value {
    let mut jwk = TestKey::shared(0).jwk();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            jwk.as_object_mut().unwrap().remove(name);
        } else {
            jwk[name] = value.clone();
        }
    }
    jwk
}

fn modulus_of(bits: usize) -> String {
    let mut modulus = vec![0xff; bits / 8];
    modulus[0] = 0x80;
    URL_SAFE_NO_PAD.encode(modulus)
}

#[test]
fn a_key_with_valid_members_is_used() {
    for changes in [
        json!({}),
        json!({"use": null}),
        json!({"alg": null}),
        json!({"use": null, "alg": null}),
        json!({"key_ops": ["verify"]}),
        json!({"use": null, "key_ops": ["sign", "verify"]}),
        json!({"x5t": "abc", "unknown": {"deep": [1]}}),
        json!({"n": modulus_of(2048)}),
        json!({"n": modulus_of(8192)}),
        json!({"e": "Aw"}),
        json!({"e": "AAEAAQ"}),
        json!({"kid": "a name of its own"}),
    ] {
        assert_eq!(set(&json!([changed(&changes)])).len(), 1, "{changes}");
    }
}

#[test]
fn a_bad_key_is_left_out_and_the_others_are_used() {
    for changes in [
        json!({"n": modulus_of(1024)}),
        json!({"n": modulus_of(2040)}),
        json!({"n": modulus_of(8200)}),
        json!({"n": ""}),
        json!({"n": null}),
        json!({"n": 1}),
        json!({"n": format!("{}=", TestKey::shared(0).jwk()["n"].as_str().unwrap())}),
        json!({"n": URL_SAFE_NO_PAD.encode([0xfe; 256])}),
        json!({"e": "AQ"}),
        json!({"e": "Ag"}),
        json!({"e": ""}),
        json!({"e": "AA"}),
        json!({"e": null}),
        json!({"e": "AQAAAAE"}),
        json!({"e": 65537}),
        json!({"use": "enc"}),
        json!({"use": ""}),
        json!({"use": ["sig"]}),
        json!({"alg": "RS512"}),
        json!({"alg": "RSA-OAEP"}),
        json!({"alg": ["RS256"]}),
        json!({"key_ops": ["encrypt"]}),
        json!({"key_ops": []}),
        json!({"key_ops": "verify"}),
        json!({"kty": "EC"}),
        json!({"kty": "oct", "k": "c2VjcmV0"}),
        json!({"kty": null}),
        json!({"kid": null}),
        json!({"kid": ""}),
        json!({"kid": 1}),
        json!({"kid": "k".repeat(257)}),
        json!({"d": "AQAB"}),
        json!({"p": "AQAB"}),
        json!({"qi": "AQAB"}),
        json!({"oth": []}),
    ] {
        let set = set(&json!([changed(&changes), TestKey::shared(1).jwk()]));
        assert_eq!(set.len(), 1, "{changes}");
        assert!(set.get(TestKey::shared(1).kid()).is_some(), "{changes}");
    }
}

#[test]
fn entries_that_are_no_keys_do_no_harm() {
    for entry in
        ["null", "1", "-1", "1.5", "\"key\"", "true", "[]", "[{}]", "{}", r#"{"kty":"RSA","kty":"RSA"}"#]
    {
        let document = format!(r#"{{"keys":[{entry},{}]}}"#, TestKey::shared(1).jwk());
        assert_eq!(KeySet::from_json(document.as_bytes()).unwrap().len(), 1, "{entry}");
    }
}

#[test]
fn a_key_with_a_repeated_member_is_left_out() {
    let jwk = TestKey::shared(0).jwk().to_string();
    for twice in [r#""e":"AQAB","#, r#""kid":"k","#, r#""use":"enc","#] {
        let document = format!(r#"{{"keys":[{{{twice}{}]}}"#, &jwk[1..]);
        assert_eq!(KeySet::from_json(document.as_bytes()).unwrap().len(), 0, "{twice}");
    }
}

#[test]
fn of_keys_with_one_kid_none_serves() {
    let name = json!({"kid": "twin"});
    let mut other = TestKey::shared(1).jwk();
    other["kid"] = json!("twin");
    let third = TestKey::shared(2).jwk();
    for twins in [
        json!([changed(&name), other, third]),
        json!([other, changed(&name), third]),
        json!([changed(&name), changed(&name), third]),
        json!([changed(&json!({"kid": "twin", "use": "enc"})), other, third]),
        json!([other, other, other, third]),
    ] {
        let set = set(&twins);
        assert!(set.get("twin").is_none(), "{twins}");
        assert_eq!(set.len(), 1, "{twins}");
    }
    let twins =
        [0, 1].map(|n| PublicKey::from_components("twin", TestKey::shared(n).modulus(), &[1, 0, 1]).unwrap());
    assert!(KeySet::from_keys(twins).is_empty());
}

#[test]
fn the_number_of_keys_is_bounded() {
    let keys: Vec<Value> = (0..200).map(|n| changed(&json!({"kid": format!("key-{n}")}))).collect();
    assert_eq!(set(&json!(keys)).len(), KeySet::MAX_KEYS);
}

#[test]
fn what_is_no_set_at_all_is_refused() {
    for document in [
        "",
        "null",
        "[]",
        "{}",
        r#"{"keys":{}}"#,
        r#"{"keys":null}"#,
        r#"{"keys":[]"#,
        "<html>",
        r#"{"keys":[],"keys":[]}"#,
    ] {
        assert!(KeySet::from_json(document.as_bytes()).is_err(), "{document}");
    }
    assert!(KeySet::from_json(format!(r#"{{"keys":{}}}"#, "[".repeat(100_000)).as_bytes()).is_err());
    assert!(KeySet::from_json(br#"{"keys":[]}"#).unwrap().is_empty());
}

#[test]
fn thumbprints_are_those_of_the_rfc() {
    // The example key of RFC 7638 §3.1.
    const N: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    let key = PublicKey::from_base64url("2011-04-29", N, "AQAB").unwrap();
    assert_eq!(key.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    assert_eq!(PublicKey::from_base64url("k", N, "AQ").err(), Some(KeyRefused::Exponent));
}

#[tokio::test]
async fn tokens_of_keys_that_were_left_out_are_refused() {
    let clock = clock();
    let keys = shared_claims::verifier::KeySetHandle::new();
    let verifier = builder(&clock).keys(keys.clone()).build().await.unwrap();
    let token = token(&clock).sign();
    for jwks in [json!([changed(&json!({"use": "enc"}))]), json!([changed(&json!({})), changed(&json!({}))])]
    {
        keys.set(set(&jwks));
        assert_eq!(
            verifier.verify(&token).await.err(),
            Some(VerifyError::Invalid(Reason::UnknownKey)),
            "{jwks}"
        );
    }
    keys.set(set(&json!([changed(&json!({}))])));
    assert!(verifier.verify(&token).await.is_ok());
}
