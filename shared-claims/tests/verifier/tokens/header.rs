//! A1 to A5, A7, A8, A12 and A13: the header.

use super::*;

fn hs256(builder: &TokenBuilder, secret: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    builder.with_signature(hmac::sign(&key, builder.signing_input().as_bytes()).as_ref())
}

/// The `SubjectPublicKeyInfo` of an RSA key of 2048 bits with the exponent 65537.
fn public_key_der(modulus: &[u8]) -> Vec<u8> {
    let mut der = vec![0x30, 0x82, 0x01, 0x22, 0x30, 0x0d, 0x06, 0x09];
    der.extend([0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00]);
    der.extend([0x03, 0x82, 0x01, 0x0f, 0x00, 0x30, 0x82, 0x01, 0x0a, 0x02, 0x82, 0x01, 0x01, 0x00]);
    der.extend(modulus);
    der.extend([0x02, 0x03, 0x01, 0x00, 0x01]);
    der
}

fn pem(der: &[u8]) -> String {
    let body: Vec<String> = STANDARD
        .encode(der)
        .as_bytes()
        .chunks(64)
        .map(|line| String::from_utf8(line.to_vec()).unwrap())
        .collect();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", body.join("\n"))
}

#[tokio::test]
async fn a1_no_algorithm() {
    let clock = clock();
    let mut cases = Vec::new();
    for alg in ["none", "None", "nOnE", "NONE"] {
        let unsigned = token(&clock).header("alg", alg);
        cases.push(case(format!("{alg}, empty signature"), unsigned.with_signature(b""), Reason::Algorithm));
        cases.push(case(format!("{alg}, kept signature"), unsigned.sign(), Reason::Algorithm));
    }
    assert_refused(&clock, cases).await;
}

#[tokio::test]
async fn a2_the_public_key_as_a_shared_secret() {
    let clock = clock();
    let key = TestKey::shared(0);
    let der = public_key_der(key.modulus());
    let jwk = key.jwk().to_string();
    let confused = token(&clock).header("alg", "HS256");
    let cases = [("DER", der.clone()), ("PEM", pem(&der).into_bytes()), ("JWK", jwk.into_bytes())]
        .map(|(name, secret)| case(name, hs256(&confused, &secret), Reason::Algorithm));
    assert_refused(&clock, cases.into()).await;
}

#[tokio::test]
async fn a3_other_algorithms_with_the_right_key() {
    let clock = clock();
    let good = token(&clock);
    let signed = |alg: &str, kind| good.clone().header("alg", alg).signed_as(kind).sign();
    let cases = vec![
        case("PS256", signed("PS256", SignatureKind::Ps256), Reason::Algorithm),
        case("RS384", signed("RS384", SignatureKind::Rs384), Reason::Algorithm),
        case("RS512", signed("RS512", SignatureKind::Rs512), Reason::Algorithm),
        case("ES256", good.clone().header("alg", "ES256").with_signature(&[7; 64]), Reason::Algorithm),
        case("PS256 under RS256", signed("RS256", SignatureKind::Ps256), Reason::Signature),
        case("RS384 under RS256", signed("RS256", SignatureKind::Rs384), Reason::Signature),
        case("RS512 under RS256", signed("RS256", SignatureKind::Rs512), Reason::Signature),
    ];
    assert_refused(&clock, cases).await;
}

#[tokio::test]
async fn a4_malformed_alg() {
    let clock = clock();
    let good = token(&clock);
    let mut cases = vec![case("missing", good.clone().without_header("alg").sign(), Reason::Algorithm)];
    for value in [json!(null), json!(["RS256"]), json!({"RS256": 1}), json!(256)] {
        cases.push(case(value.to_string(), good.clone().header("alg", value.clone()).sign(), Reason::Header));
    }
    for value in ["RS256 ", " RS256", "rs256", "Rs256", "RS256\0", ""] {
        cases.push(case(format!("{value:?}"), good.clone().header("alg", value).sign(), Reason::Algorithm));
    }
    assert_refused(&clock, cases).await;
}

#[tokio::test]
async fn a5_malformed_kid() {
    let clock = clock();
    let good = token(&clock);
    let mut cases = vec![
        case("missing", good.clone().without_header("kid").sign(), Reason::Header),
        case("empty", good.clone().header("kid", "").sign(), Reason::Header),
        case("number", good.clone().header("kid", 1).sign(), Reason::Header),
        case("null", good.clone().header("kid", Value::Null).sign(), Reason::Header),
        case("10 KB", good.clone().header("kid", "k".repeat(10_000)).sign(), Reason::Header),
    ];
    for kid in
        ["../../../../etc/passwd", "' OR 1=1 --", "key\0", "unknown", "/dev/null", "http://localhost:1/"]
    {
        cases.push(case(kid, good.clone().header("kid", kid).sign(), Reason::UnknownKey));
    }
    let other = TestKey::shared(1);
    cases.push(case("another key's", good.clone().header("kid", other.kid()).sign(), Reason::UnknownKey));
    assert_refused(&clock, cases).await;
}

#[tokio::test]
async fn a7_keys_that_the_token_brings() {
    let clock = clock();
    let stranger = TestKey::shared(1);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    let mut cases = Vec::new();
    for (name, value) in [
        ("jku", json!(url)),
        ("x5u", json!(url)),
        ("jwk", stranger.jwk()),
        ("x5c", json!([STANDARD.encode(public_key_der(stranger.modulus()))])),
    ] {
        let brought = token(&clock).header(name, value);
        cases.push(case(name, brought.clone().sign(), Reason::ForbiddenHeader));
        cases.push(case(name, brought.clone().signed_by(stranger).sign(), Reason::ForbiddenHeader));
        let renamed = brought.header("kid", stranger.kid()).signed_by(stranger);
        cases.push(case(name, renamed.sign(), Reason::ForbiddenHeader));
    }
    assert_refused(&clock, cases).await;
    let call = tokio::time::timeout(std::time::Duration::from_millis(50), listener.accept()).await;
    assert!(call.is_err(), "a key that the token names was requested");
}

#[tokio::test]
async fn a8_extensions_that_must_be_understood() {
    let clock = clock();
    let good = token(&clock);
    let mut cases = Vec::new();
    for crit in [json!(["b64"]), json!(["exp"]), json!([]), json!(["unknown"]), json!("b64"), json!(null)] {
        let name = format!("crit {crit}");
        cases.push(case(&name, good.clone().header("crit", crit).sign(), Reason::ForbiddenHeader));
    }
    for b64 in [false, true] {
        let name = format!("b64 {b64}");
        cases.push(case(&name, good.clone().header("b64", b64).sign(), Reason::ForbiddenHeader));
        let both = good.clone().header("b64", b64).header("crit", json!(["b64"]));
        cases.push(case(&name, both.sign(), Reason::ForbiddenHeader));
    }
    assert_refused(&clock, cases).await;
}

#[tokio::test]
async fn a12_other_tokens() {
    let clock = clock();
    let good = token(&clock);
    let cases = vec![
        case("typ missing", good.clone().without_header("typ").sign(), Reason::Type),
        case("typ JWT", good.clone().header("typ", "JWT").sign(), Reason::Type),
        case("typ id+jwt", good.clone().header("typ", "id+jwt").sign(), Reason::Type),
        case("typ at+jwt with a space", good.clone().header("typ", "at+jwt ").sign(), Reason::Type),
        case("typ text/at+jwt", good.clone().header("typ", "text/at+jwt").sign(), Reason::Type),
        case("typ array", good.clone().header("typ", json!(["at+jwt"])).sign(), Reason::Header),
        case("refresh token", "lkr_3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", Reason::Malformed),
        case(
            "id token",
            good.clone()
                .header("typ", "JWT")
                .claim("aud", "web")
                .without_claim("client_id")
                .claim("nonce", "n")
                .sign(),
            Reason::Type,
        ),
        case("logout token", good.clone().header("typ", "logout+jwt").sign(), Reason::Type),
    ];
    assert_refused(&clock, cases).await;
}

#[tokio::test]
async fn a13_typ_is_case_insensitive() {
    let clock = clock();
    let good = token(&clock);
    let cases = ["at+jwt", "AT+JWT", "At+jWt", "application/at+jwt", "APPLICATION/AT+JWT"];
    assert_accepted(&clock, cases.map(|typ| (typ, good.clone().header("typ", typ))).into()).await;
}
