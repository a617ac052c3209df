//! A14 to A17: the claims.

use super::*;

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
    // RFC 7519 §4.1.3: a single audience may be a plain string.
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
async fn a16_malformed_times() {
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
        // A number greater than `u64::MAX`, which `json!` cannot write.
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
