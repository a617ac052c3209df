//! SECURITY-CASES A1 to A16 and A18: tokens that are bad in themselves, one table, through the API and through HTTP.

use std::sync::Arc;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use shared_claims::actix::BearerAuth;
use shared_claims::clock::ManualClock;
use shared_claims::testing::{SignatureKind, TestKey, TokenBuilder};
use shared_claims::verifier::{Reason, Verified, VerifyError};

use crate::support::{AUDIENCE, ISSUER, NOW, Service, builder, clock, token};

struct Case {
    name: String,
    token: String,
    reason: Reason,
}

fn case(name: impl Into<String>, token: impl Into<String>, reason: Reason) -> Case {
    Case { name: name.into(), token: token.into(), reason }
}

/// Every bad token reads as its reason, and over HTTP as the one answer that tells nothing.
async fn assert_refused(clock: &Arc<ManualClock>, cases: Vec<Case>) {
    let verifier = builder(clock).build().await.unwrap();
    let service = Service::start(BearerAuth::new(verifier.clone()));
    let good_token = token(clock).sign();
    assert!(!cases.is_empty());
    for Case { name, token, reason } in cases {
        let outcome = verifier.verify(&token).await.map(Verified::into_claims);
        assert_eq!(outcome, Err(VerifyError::Invalid(reason)), "{name}");
        // What no header can carry, and what the server answers with 431 by itself, goes no further.
        if token.bytes().all(|byte| byte.is_ascii_graphic()) && (1..100_000).contains(&token.len()) {
            service.whoami(&token).await.assert_invalid_token(&name);
        }
    }
    // The service and the verifier are well: it was the tokens.
    assert_eq!(service.whoami(&good_token).await.status, 200);
}

async fn assert_accepted(clock: &Arc<ManualClock>, cases: Vec<(&str, TokenBuilder)>) {
    let verifier = builder(clock).build().await.unwrap();
    let service = Service::start(BearerAuth::new(verifier.clone()));
    assert!(!cases.is_empty());
    for (name, token) in cases {
        let token = token.sign();
        assert!(verifier.verify(&token).await.is_ok(), "{name}");
        assert_eq!(service.whoami(&token).await.status, 200, "{name}");
    }
}

fn hs256(builder: &TokenBuilder, secret: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    builder.with_signature(hmac::sign(&key, builder.signing_input().as_bytes()).as_ref())
}

/// `SubjectPublicKeyInfo` of an RSA key of 2048 bits with the exponent 65537.
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
async fn a4_alg_of_another_form() {
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
async fn a5_kid_of_another_form() {
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
    assert!(call.is_err(), "somebody looked at the key that the token named");
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
async fn a9_members_twice() {
    let clock = clock();
    let good = token(&clock);
    let twice = |json: &[u8], first: &str, last: &str| {
        let inside = std::str::from_utf8(json).unwrap();
        let inside = &inside[1..inside.len() - 1];
        format!("{{{first}{inside}{last}}}").into_bytes()
    };
    let header = good.header_json();
    let claims = good.claims_json();
    let mut cases = Vec::new();
    for member in
        [r#""alg":"none""#, r#""kid":"k""#, r#""typ":"JWT""#, r#""alg":"RS256""#, r#""\u0061lg":"RS256""#]
    {
        let before = good.clone().raw_header(twice(&header, &format!("{member},"), ""));
        let after = good.clone().raw_header(twice(&header, "", &format!(",{member}")));
        cases.push(case(format!("header, first {member}"), before.sign(), Reason::Header));
        cases.push(case(format!("header, last {member}"), after.sign(), Reason::Header));
    }
    for member in [
        r#""sub":"someone""#,
        r#""exp":9999999999"#,
        r#""aud":["todo-service"]"#,
        r#""\u0073ub":"someone""#,
        r#""x":1,"x":1"#,
        r#""x":{"a":[{"b":1,"b":2}]}"#,
    ] {
        let before = good.clone().raw_claims(twice(&claims, &format!("{member},"), ""));
        let after = good.clone().raw_claims(twice(&claims, "", &format!(",{member}")));
        cases.push(case(format!("claims, first {member}"), before.sign(), Reason::Claims));
        cases.push(case(format!("claims, last {member}"), after.sign(), Reason::Claims));
    }
    assert_refused(&clock, cases).await;
}

#[tokio::test]
async fn a10_size_and_depth() {
    let clock = clock();
    let good = token(&clock);
    let nested = |open: &str, close: &str, depth: usize| {
        format!(r#"{{"a":{}1{}}}"#, open.repeat(depth), close.repeat(depth)).into_bytes()
    };
    let many = |count: usize| {
        let members: Vec<String> = (0..count).map(|n| format!("\"{n}\":0")).collect();
        format!("{{{}}}", members.join(",")).into_bytes()
    };
    let cases = vec![
        case("16 KiB and a byte", format!("{}A", "A".repeat(16 * 1024)), Reason::TooLong),
        case("10 MB", "e30.".repeat(2_500_000), Reason::TooLong),
        case("dots alone", ".".repeat(16 * 1024), Reason::Malformed),
        case("long claim", good.clone().claim("x", "x".repeat(16_000)).sign(), Reason::TooLong),
        case("10,000 deep", good.clone().raw_claims(nested("[", "]", 10_000)).sign(), Reason::TooLong),
        case("5,000 deep", good.clone().raw_claims(nested("[", "]", 5_000)).sign(), Reason::Claims),
        case(
            "objects 1,000 deep",
            good.clone().raw_claims(nested("{\"a\":", "}", 1_000)).sign(),
            Reason::Claims,
        ),
        case("header 3,000 deep", good.clone().raw_header(nested("[", "]", 3_000)).sign(), Reason::Header),
        case("100,000 claims", good.clone().raw_claims(many(100_000)).sign(), Reason::TooLong),
        case("1,400 claims", good.clone().raw_claims(many(1_400)).sign(), Reason::Claims),
        case("1,400 in the header", good.clone().raw_header(many(1_400)).sign(), Reason::Header),
    ];
    assert_refused(&clock, cases).await;
    assert_accepted(&clock, vec![("8 KB", good.claim("x", "x".repeat(8_000)))]).await;
}

const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

#[tokio::test]
async fn a11_segments_and_base64() {
    let clock = clock();
    let good = token(&clock).sign();
    let [header, claims, signature] = good.split('.').collect::<Vec<_>>()[..] else {
        panic!("three segments")
    };
    let mut cases = Vec::new();
    for (name, token) in [
        ("trailing dot", format!("{good}.")),
        ("leading dot", format!(".{good}")),
        ("two segments", format!("{header}.{claims}")),
        ("four segments", format!("{good}.{signature}")),
        ("five segments", format!("{good}.{claims}.{signature}")),
        ("one segment", header.to_owned()),
        ("padding after the header", format!("{header}=.{claims}.{signature}")),
        ("padding after the signature", format!("{good}==")),
        ("space before", format!(" {good}")),
        ("space after", format!("{good} ")),
        ("newline after", format!("{good}\n")),
        ("space inside", format!("{header}. {claims}.{signature}")),
        ("tab inside", format!("{header}.{claims}\t.{signature}")),
        ("NUL", format!("{good}\0")),
        ("non-ASCII", format!("{header}.{claims}é.{signature}")),
        ("+ in the signature", format!("{header}.{claims}.+{}", &signature[1..])),
        ("/ in the signature", format!("{header}.{claims}./{}", &signature[1..])),
        ("percent", format!("{header}.{claims}.{signature}%3D")),
        ("empty header", format!(".{claims}.{signature}")),
    ] {
        let reason = if name == "empty header" { Reason::Header } else { Reason::Malformed };
        cases.push(case(name, token, reason));
    }
    // 256 bytes end in a character of which four bits mean nothing.
    let last = ALPHABET.iter().position(|byte| *byte == *signature.as_bytes().last().unwrap()).unwrap();
    for bits in 1..16 {
        let other = char::from(ALPHABET[last + bits]);
        let token = format!("{header}.{claims}.{}{other}", &signature[..signature.len() - 1]);
        cases.push(case(format!("trailing bits {bits}"), token, Reason::Malformed));
    }
    // Standard base64 where it differs.
    let standard = STANDARD.encode(URL_SAFE_NO_PAD.decode(signature).unwrap());
    cases.push(case("standard base64", format!("{header}.{claims}.{standard}"), Reason::Malformed));
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
async fn a13_typ_without_regard_to_case() {
    let clock = clock();
    let good = token(&clock);
    let cases = ["at+jwt", "AT+JWT", "At+jWt", "application/at+jwt", "APPLICATION/AT+JWT"];
    assert_accepted(&clock, cases.map(|typ| (typ, good.clone().header("typ", typ))).into()).await;
}

#[tokio::test]
async fn a14_audience() {
    let clock = clock();
    let good = token(&clock);
    let mut cases = vec![case("absent", good.clone().without_claim("aud").sign(), Reason::Claims)];
    for value in [json!(1), json!(true), json!(null), json!({"todo-service": 1}), json!(["todo-service", 1])]
    {
        cases.push(case(value.to_string(), good.clone().claim("aud", value.clone()).sign(), Reason::Claims));
    }
    for value in [
        json!([]),
        json!(["other"]),
        json!("other"),
        json!(""),
        json!(["todo"]),
        json!(["todo-service-2"]),
        json!(["Todo-Service"]),
        json!([" todo-service"]),
        json!(["todo-service other"]),
        json!("todo-service other"),
    ] {
        cases.push(case(
            value.to_string(),
            good.clone().claim("aud", value.clone()).sign(),
            Reason::Audience,
        ));
    }
    assert_refused(&clock, cases).await;
    let holding = good.clone().claim("aud", json!(["other", AUDIENCE, ISSUER]));
    // RFC 7519 §4.1.3: one audience may stand without its brackets.
    let single = good.claim("aud", AUDIENCE);
    assert_accepted(&clock, vec![("an array with ours", holding), ("ours alone", single)]).await;
}

#[tokio::test]
async fn a15_issuer() {
    let clock = clock();
    let good = token(&clock);
    let mut cases = vec![case("absent", good.clone().without_claim("iss").sign(), Reason::Claims)];
    for value in [json!([ISSUER]), json!(8000), json!(null), json!({"iss": ISSUER})] {
        cases.push(case(value.to_string(), good.clone().claim("iss", value.clone()).sign(), Reason::Claims));
    }
    for value in [
        format!("{ISSUER}/"),
        ISSUER.to_uppercase(),
        "http://LOCALHOST:8000".into(),
        format!("{ISSUER} "),
        String::new(),
    ] {
        cases.push(case(value.clone(), good.clone().claim("iss", value).sign(), Reason::Issuer));
    }
    assert_refused(&clock, cases).await;
}

#[tokio::test]
async fn a16_times_of_another_form() {
    let clock = clock();
    let good = token(&clock);
    let mut cases = Vec::new();
    for name in ["exp", "nbf", "iat"] {
        for value in [
            json!("1767225600"),
            json!(null),
            json!(-1),
            json!(1e308),
            json!(1.5),
            json!(u64::MAX),
            json!([NOW]),
            json!(true),
        ] {
            let token = good.clone().claim(name, value.clone()).sign();
            cases.push(case(format!("{name} {value}"), token, Reason::Claims));
        }
        // Over u64, which `json!` cannot write.
        let text = String::from_utf8(good.clone().claim(name, 4_242_424_242_i64).claims_json()).unwrap();
        for huge in ["18446744073709551616", "1e400", "99999999999999999999999999999999"] {
            let text = text.replacen("4242424242", huge, 1);
            let token = good.clone().raw_claims(text).sign();
            cases.push(case(format!("{name} {huge}"), token, Reason::Claims));
        }
    }
    for name in ["exp", "iat"] {
        cases.push(case(format!("{name} absent"), good.clone().without_claim(name).sign(), Reason::Claims));
    }
    assert_refused(&clock, cases).await;
    assert_accepted(
        &clock,
        vec![("nbf absent", good.clone().without_claim("nbf")), ("exp far", good.claim("exp", i64::MAX))],
    )
    .await;
}

#[tokio::test]
async fn a17_token_ids_and_the_other_claims() {
    let clock = clock();
    let good = token(&clock);
    let id = "0198d2c4-8000-7000-8000-00000000abcd";
    let mut cases = Vec::new();
    for name in ["jti", "sub", "client_id"] {
        cases.push(case(format!("{name} absent"), good.clone().without_claim(name).sign(), Reason::Claims));
    }
    for (name, value) in [
        ("jti", json!("0198d2c4-8000-4000-8000-00000000abcd")),
        ("jti", json!(id.to_uppercase())),
        ("jti", json!(id.replace('-', ""))),
        ("jti", json!(format!("{{{id}}}"))),
        ("jti", json!(format!("urn:uuid:{id}"))),
        ("jti", json!("0198d2c4-8000-7000-c000-00000000abcd")),
        ("jti", json!(1)),
        ("jti", json!("")),
        ("sid", json!("not a uuid")),
        ("sid", json!(id.to_uppercase())),
        ("sid", json!(null)),
        ("sub", json!("")),
        ("sub", json!(1)),
        ("sub", json!("a\u{0}b")),
        ("sub", json!("a\nb")),
        ("sub", json!("s".repeat(256))),
        ("client_id", json!("")),
        ("client_id", json!(["first-party"])),
        ("client_id", json!("c".repeat(256))),
        ("scope", json!(["todos:read"])),
        ("scope", json!("todos:read  todos:write")),
        ("scope", json!("todos:read\ttodos:write")),
        ("scope", json!("\"todos:read\"")),
        ("scope", json!(null)),
        ("roles", json!("admin")),
        ("roles", json!([1])),
        ("roles", json!(null)),
        ("username", json!(1)),
        ("auth_time", json!("1")),
        ("amr", json!("pwd")),
        ("acr", json!(1)),
    ] {
        let token = good.clone().claim(name, value.clone()).sign();
        cases.push(case(format!("{name} {value}"), token, Reason::Claims));
    }
    for claims in ["[]", "null", "\"claims\"", "1", "", "{", "{} {}", "\u{feff}{}"] {
        cases.push(case(format!("claims {claims}"), good.clone().raw_claims(claims).sign(), Reason::Claims));
    }
    cases.push(case("claims not UTF-8", good.clone().raw_claims(b"{\"a\":\"\xff\"}").sign(), Reason::Claims));
    assert_refused(&clock, cases).await;
}

#[tokio::test]
async fn a18_signatures() {
    let clock = clock();
    let good = token(&clock);
    let key = TestKey::shared(0);
    let signature = key.sign(SignatureKind::Rs256, good.signing_input().as_bytes());
    let mut flipped = signature.clone();
    flipped[100] ^= 1;
    let mut longer = signature.clone();
    longer.push(0);
    let leading_zero: Vec<u8> = std::iter::once(0).chain(signature.iter().copied()).collect();
    // s + n is the same signature modulo n.
    let mut modulus_added = key.modulus().to_vec();
    let mut carry = 0_u16;
    for (sum, byte) in modulus_added.iter_mut().rev().zip(signature.iter().rev()) {
        let value = u16::from(*sum) + u16::from(*byte) + carry;
        *sum = u8::try_from(value & 0xff).unwrap();
        carry = value >> 8;
    }
    if carry > 0 {
        modulus_added.insert(0, 1);
    }
    let other = token(&clock).claim("sub", "someone else");
    let cases = [
        ("empty", Vec::new()),
        ("truncated", signature[..255].to_vec()),
        ("half", signature[..128].to_vec()),
        ("bit-flipped", flipped),
        ("a byte longer", longer),
        ("a zero in front", leading_zero),
        ("all zero", vec![0; 256]),
        ("all ones", vec![0xff; 256]),
        ("one", std::iter::repeat_n(0, 255).chain([1]).collect()),
        ("the modulus", key.modulus().to_vec()),
        ("plus the modulus", modulus_added),
        ("twice", [signature.clone(), signature.clone()].concat()),
        ("of another token", key.sign(SignatureKind::Rs256, other.signing_input().as_bytes())),
        ("of another key", TestKey::shared(1).sign(SignatureKind::Rs256, good.signing_input().as_bytes())),
    ]
    .map(|(name, signature)| case(name, good.with_signature(&signature), Reason::Signature));
    assert_refused(&clock, cases.into()).await;
}
