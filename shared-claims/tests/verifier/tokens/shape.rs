//! A9 to A11 and A18: the encoding of a token, and its signature.

use super::*;

const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

#[tokio::test]
async fn a9_repeated_members() {
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
    // The base64url text of 256 bytes ends in a character of which four bits are unused.
    let last = ALPHABET.iter().position(|byte| *byte == *signature.as_bytes().last().unwrap()).unwrap();
    for bits in 1..16 {
        let other = char::from(ALPHABET[last + bits]);
        let token = format!("{header}.{claims}.{}{other}", &signature[..signature.len() - 1]);
        cases.push(case(format!("trailing bits {bits}"), token, Reason::Malformed));
    }
    // Standard base64, which uses other characters.
    let standard = STANDARD.encode(URL_SAFE_NO_PAD.decode(signature).unwrap());
    cases.push(case("standard base64", format!("{header}.{claims}.{standard}"), Reason::Malformed));
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
    // s + n is congruent to the signature s modulo n.
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
