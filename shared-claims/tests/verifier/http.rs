//! SECURITY-CASES A21 to A25 and the cookie rule of the contract, over HTTP.

use shared_claims::actix::BearerAuth;
use shared_claims::verifier::KeySetHandle;

use crate::support::{Answer, COOKIE, Service, builder, clock, token};

const FOREIGN: [&str; 6] = [
    "https://evil.example",
    "http://127.0.0.1",
    "http://127.0.0.1.evil.example",
    "http://127.0.0.1:1",
    "",
    "https://app.example.evil",
];

async fn service() -> Service {
    let verifier = builder(&clock()).build().await.unwrap();
    Service::start(BearerAuth::new(verifier).cookie(COOKIE).allowed_origins(["https://app.example"]).unwrap())
}

#[tokio::test]
async fn a21_without_credentials_the_challenge_has_no_error_code() {
    let service = service().await;
    for path in ["/whoami", "/write"] {
        let answer = Answer::of(service.get(path)).await;
        assert_eq!(answer.status, 401);
        assert_eq!(answer.challenge.as_deref(), Some("Bearer"));
        answer.assert_problem(path);
    }
    assert_eq!(Answer::of(service.get("/open")).await.status, 200);
}

#[tokio::test]
async fn a22_the_scheme_is_case_insensitive() {
    let service = service().await;
    let token = token(&clock()).sign();
    for scheme in ["Bearer", "bearer", "BEARER", "bEARER"] {
        let request = service.get("/whoami").header("Authorization", format!("{scheme} {token}"));
        assert_eq!(Answer::of(request).await.status, 200, "{scheme}");
    }
    let spaced = service.get("/whoami").header("Authorization", format!("Bearer   {token}"));
    assert_eq!(Answer::of(spaced).await.status, 200, "RFC 9110 allows several spaces");
}

#[tokio::test]
async fn a23_other_credentials() {
    let service = service().await;
    let token = token(&clock()).sign();
    for other in ["Basic Zm9vOmJhcg==", "Bearer", "Bearer ", "bearer", "Digest x", "Token x", "Bearerx", "x"]
    {
        let answer = Answer::of(service.get("/whoami").header("Authorization", other)).await;
        assert_eq!(answer.status, 401, "{other}");
        assert_eq!(answer.challenge.as_deref(), Some("Bearer"), "{other}");
        answer.assert_problem(other);
    }
    let bearer = format!("Bearer {token}");
    for (name, request) in [
        (
            "two headers",
            service.get("/whoami").header("Authorization", &bearer).header("Authorization", &bearer),
        ),
        (
            "two headers of two schemes",
            service
                .get("/whoami")
                .header("Authorization", &bearer)
                .header("Authorization", "Basic Zm9vOmJhcg=="),
        ),
        (
            "header and query",
            service.get(&format!("/whoami?access_token={token}")).header("Authorization", &bearer),
        ),
        (
            "header and encoded query",
            service.get(&format!("/whoami?a=1&access%5Ftoken={token}")).header("Authorization", &bearer),
        ),
    ] {
        let answer = Answer::of(request).await;
        assert_eq!(answer.status, 400, "{name}");
        let challenge = answer.challenge.clone().unwrap_or_default();
        assert!(challenge.starts_with("Bearer error=\"invalid_request\""), "{name}: {challenge}");
        answer.assert_problem(name);
    }
    for other in ["a b", "\u{e9}", "a,b", "\"a\""] {
        let answer =
            Answer::of(service.get("/whoami").header("Authorization", format!("Bearer {other}"))).await;
        answer.assert_invalid_token(other);
    }
}

#[tokio::test]
async fn a24_a_token_in_the_query_is_not_accepted() {
    let service = service().await;
    let token = token(&clock()).sign();
    let answer = Answer::of(service.get(&format!("/whoami?access_token={token}"))).await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.challenge.as_deref(), Some("Bearer"));
    assert!(!answer.body.contains(&token));
}

#[tokio::test]
async fn a25_scopes_are_whole_words() {
    let service = service().await;
    let good = token(&clock());
    let mut cases = vec![("absent", good.clone().without_claim("scope"))];
    for scope in
        ["todos:readwrite", "todos:read", "", "todos:writ", "todos:write2", "Todos:Write", "todos todos:"]
    {
        cases.push((scope, good.clone().claim("scope", scope)));
    }
    for (name, token) in cases {
        let token = format!("Bearer {}", token.sign());
        let answer = Answer::of(service.post("/write").header("Authorization", &token)).await;
        assert_eq!(answer.status, 403, "{name}");
        let challenge = r#"Bearer error="insufficient_scope", scope="todos:write""#;
        assert_eq!(answer.challenge.as_deref(), Some(challenge), "{name}");
        answer.assert_problem(name);
        // The token itself is valid.
        assert_eq!(
            Answer::of(service.get("/whoami").header("Authorization", &token)).await.status,
            200,
            "{name}"
        );
    }
    for scope in ["todos:write", "a todos:write b"] {
        let token = format!("Bearer {}", good.clone().claim("scope", scope).sign());
        assert_eq!(Answer::of(service.post("/write").header("Authorization", &token)).await.status, 200);
    }
}

#[tokio::test]
async fn a_cookie_authenticates_and_changes_things_from_our_own_pages_only() {
    let service = service().await;
    let cookie = format!("other=1; {COOKIE}={}; more=2", token(&clock()).sign());
    let post = || service.post("/write").header("Cookie", &cookie);
    assert_eq!(Answer::of(service.get("/whoami").header("Cookie", &cookie)).await.status, 200);
    for origin in [service.url.as_str(), "https://app.example"] {
        assert_eq!(Answer::of(post().header("Origin", origin)).await.status, 200, "{origin}");
    }
    assert_eq!(Answer::of(post().header("Sec-Fetch-Site", "same-origin")).await.status, 200);
    for origin in FOREIGN {
        let answer = Answer::of(post().header("Origin", origin)).await;
        assert_eq!(answer.status, 403, "{origin}");
        answer.assert_problem(origin);
        let both = post().header("Origin", origin).header("Sec-Fetch-Site", "same-origin");
        assert_eq!(Answer::of(both).await.status, 403, "{origin}");
    }
    // `null` does not count as an origin. `Sec-Fetch-Site` decides then.
    let null = || post().header("Origin", "null");
    assert_eq!(Answer::of(null()).await.status, 403);
    assert_eq!(Answer::of(null().header("Sec-Fetch-Site", "same-origin")).await.status, 200);
    assert_eq!(Answer::of(post()).await.status, 403, "neither Origin nor Sec-Fetch-Site");
    for site in ["cross-site", "same-site", "none", ""] {
        assert_eq!(Answer::of(post().header("Sec-Fetch-Site", site)).await.status, 403, "{site}");
    }
    for method in ["PUT", "PATCH", "DELETE"] {
        let request = service.client.request(method.parse().unwrap(), format!("{}/write", service.url));
        let request = request.header("Cookie", &cookie).header("Origin", "https://evil.example");
        assert_eq!(Answer::of(request).await.status, 403, "{method}");
    }
    // A request that only reads is accepted from any origin.
    let read = service.get("/write").header("Cookie", &cookie).header("Origin", "https://evil.example");
    assert_eq!(Answer::of(read).await.status, 200);
}

#[tokio::test]
async fn with_a_header_the_cookie_is_ignored() {
    let service = service().await;
    let token = token(&clock()).sign();
    let cookie = format!("{COOKIE}={token}");
    let header = service.get("/whoami").header("Cookie", &cookie).header("Authorization", "Bearer rubbish");
    Answer::of(header).await.assert_invalid_token("a bad header beside a good cookie");
    let basic = service.get("/whoami").header("Cookie", &cookie).header("Authorization", "Basic Zm9v");
    assert_eq!(Answer::of(basic).await.status, 401);
    let from_anywhere = service
        .post("/write")
        .header("Cookie", &cookie)
        .header("Authorization", format!("Bearer {token}"))
        .header("Origin", "https://evil.example");
    assert_eq!(Answer::of(from_anywhere).await.status, 200, "no browser adds the header by itself");
}

#[tokio::test]
async fn other_cookies_are_no_credentials() {
    let service = service().await;
    let token = token(&clock()).sign();
    for cookie in
        [format!("access_token={token}"), format!("{COOKIE}="), format!("__host-access_token={token}")]
    {
        let answer = Answer::of(service.get("/whoami").header("Cookie", &cookie)).await;
        assert_eq!((answer.status, answer.challenge.as_deref()), (401, Some("Bearer")), "{cookie}");
    }
    let bad = service.get("/whoami").header("Cookie", format!("{COOKIE}=rubbish"));
    Answer::of(bad).await.assert_invalid_token("a bad cookie");
    let plain = Service::start(BearerAuth::new(builder(&clock()).build().await.unwrap()));
    let answer = Answer::of(plain.get("/whoami").header("Cookie", format!("{COOKIE}={token}"))).await;
    assert_eq!(answer.status, 401, "cookies were not asked for");
}

#[tokio::test]
async fn what_cannot_be_checked_is_503() {
    let verifier = builder(&clock()).keys(KeySetHandle::new()).build().await.unwrap();
    let service = Service::start(BearerAuth::new(verifier));
    let answer = service.whoami(&token(&clock()).sign()).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.retry_after.as_deref(), Some("1"));
    answer.assert_problem("no keys");
    service.whoami("rubbish").await.assert_invalid_token("rubbish");
}
