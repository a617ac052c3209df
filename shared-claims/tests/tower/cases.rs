//! SECURITY-CASES A21 to A25 and B21, and cases for revoked tokens and roles, as a table.

use std::fmt;

use crate::support::{COOKIE, LISTED, MALLORY, Source, token};

pub(crate) const BARE: Option<&str> = Some("Bearer");
pub(crate) const INVALID_TOKEN: Option<&str> = Some(
    "Bearer error=\"invalid_token\", error_description=\"The access token is invalid, expired or revoked\"",
);
const TWICE: Option<&str> =
    Some("Bearer error=\"invalid_request\", error_description=\"Send the access token once\"");
const NO_SCOPE: Option<&str> = Some("Bearer error=\"insufficient_scope\", scope=\"todos:write\"");
const NO_ROLE: Option<&str> = Some("Bearer error=\"insufficient_scope\"");

/// A request and its expected response.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) method: &'static str,
    pub(crate) target: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) status: u16,
    pub(crate) challenge: Option<&'static str>,
}

impl Case {
    fn new(name: &str, method: &'static str, target: &str) -> Self {
        let (name, target) = (name.to_owned(), target.to_owned());
        Self { name, method, target, headers: Vec::new(), status: 200, challenge: None }
    }

    fn with(mut self, header: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((header, value.into()));
        self
    }

    fn gets(mut self, status: u16, challenge: Option<&'static str>) -> Self {
        (self.status, self.challenge) = (status, challenge);
        self
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}", self.name, self.method, self.target)
    }
}

/// All cases, for a service at this URL.
pub(crate) fn all(url: &str, source: Source) -> Vec<Case> {
    [none(), schemes(), twice(), rights(), cookies(url), proxies(url), bad(source)]
        .into_iter()
        .flatten()
        .collect()
}

fn get(name: &str) -> Case {
    Case::new(name, "GET", "/whoami")
}

fn bearer() -> String {
    format!("Bearer {}", token().sign())
}

/// Cases A21 and A24.
fn none() -> Vec<Case> {
    let token = token().sign();
    let mut cases = vec![
        Case::new("no layer", "GET", "/open"),
        Case::new("only in the query", "GET", &format!("/whoami?access_token={token}")).gets(401, BARE),
    ];
    for path in ["/whoami", "/write", "/admin", "/both"] {
        for method in ["GET", "HEAD", "POST", "OPTIONS"] {
            cases.push(Case::new("nothing", method, path).gets(401, BARE));
        }
    }
    cases
}

/// Case A22, and the part of A23 without a bearer token.
fn schemes() -> Vec<Case> {
    let token = token().sign();
    let mut cases = Vec::new();
    for scheme in ["Bearer", "bearer", "BEARER", "bEARER", "Bearer  "] {
        cases.push(get(scheme).with("Authorization", format!("{scheme} {token}")));
    }
    for other in
        ["Basic Zm9vOmJhcg==", "Bearer", "Bearer ", "bearer", "Digest x", "Bearerx", "x", "Bearer\tx"]
    {
        cases.push(get(other).with("Authorization", other).gets(401, BARE));
    }
    for other in ["a b", "\u{e9}", "a,b", "\"a\"", "rubbish", "a.b.c"] {
        let case = get(other).with("Authorization", format!("Bearer {other}"));
        cases.push(case.gets(401, INVALID_TOKEN));
    }
    cases
}

/// The rest of case A23.
fn twice() -> Vec<Case> {
    let token = token().sign();
    let query = |query: String| Case::new("header and query", "GET", &format!("/whoami?{query}"));
    vec![
        get("two headers").with("Authorization", bearer()).with("Authorization", bearer()).gets(400, TWICE),
        get("two schemes")
            .with("Authorization", bearer())
            .with("Authorization", "Basic Zm9v")
            .gets(400, TWICE),
        query(format!("access_token={token}")).with("Authorization", bearer()).gets(400, TWICE),
        query(format!("a=1&access%5Ftoken={token}")).with("Authorization", bearer()).gets(400, TWICE),
        query("a=1&b=access_token".to_owned()).with("Authorization", bearer()),
    ]
}

/// Case A25, and roles.
fn rights() -> Vec<Case> {
    let mut cases = Vec::new();
    for scope in ["todos:readwrite", "todos:read", "", "todos:writ", "todos:write2", "Todos:Write"] {
        let bearer = format!("Bearer {}", token().claim("scope", scope).sign());
        cases.push(Case::new(scope, "POST", "/write").with("Authorization", &bearer).gets(403, NO_SCOPE));
        cases.push(get(scope).with("Authorization", bearer));
    }
    cases.push(Case::new("the scope", "POST", "/write").with("Authorization", bearer()));
    cases.push(Case::new("no role", "GET", "/admin").with("Authorization", bearer()).gets(403, NO_ROLE));
    for (role, admits) in [("admin", true), ("Admin", false), ("admins", false)] {
        for path in ["/admin", "/both"] {
            let bearer = format!("Bearer {}", token().claim("roles", vec![role]).sign());
            let case = Case::new(role, "DELETE", path).with("Authorization", bearer);
            cases.push(if admits { case } else { case.gets(403, NO_ROLE) });
        }
    }
    let admin_only = token().claim("roles", vec!["admin"]).claim("scope", "todos:read").sign();
    let case = Case::new("role without scope", "GET", "/both");
    cases.push(case.with("Authorization", format!("Bearer {admin_only}")).gets(403, NO_SCOPE));
    cases
}

/// Case B21, and cookies together with an `Authorization` header.
fn cookies(url: &str) -> Vec<Case> {
    let cookie = format!("other=1; bad cookie; {COOKIE}={}; more=2", token().sign());
    let post = |name: &str| Case::new(name, "POST", "/write").with("Cookie", &cookie);
    let mut cases = vec![
        get("reading").with("Cookie", &cookie).with("Origin", "https://evil.example"),
        post("our own").with("Origin", url),
        post("listed").with("Origin", LISTED),
        post("same origin").with("Sec-Fetch-Site", "same-origin"),
        post("no word of it").gets(403, None),
        post("two origins").with("Origin", LISTED).with("Origin", LISTED).gets(403, None),
        post("a header as well").with("Origin", "https://evil.example").with("Authorization", bearer()),
        post("a bad header")
            .with("Origin", LISTED)
            .with("Authorization", "Bearer x")
            .gets(401, INVALID_TOKEN),
        get("an empty cookie").with("Cookie", format!("{COOKIE}=")).gets(401, BARE),
        get("another cookie").with("Cookie", format!("access_token={}", token().sign())).gets(401, BARE),
        get("a bad cookie").with("Cookie", format!("{COOKIE}=rubbish")).gets(401, INVALID_TOKEN),
        get("in the second header").with("Cookie", "a=b").with("Cookie", &cookie),
    ];
    let host = url.trim_start_matches("http://");
    for origin in ["https://evil.example", "", "http://127.0.0.1:1", &format!("http://{host}.evil.example")] {
        cases.push(post(origin).with("Origin", origin).gets(403, None));
        cases.push(post(origin).with("Origin", origin).with("Sec-Fetch-Site", "same-origin").gets(403, None));
    }
    // `null` does not count as an origin.
    cases.push(post("null").with("Origin", "null").gets(403, None));
    cases.push(post("null of our own").with("Origin", "null").with("Sec-Fetch-Site", "same-origin"));
    for site in ["cross-site", "same-site", "none", ""] {
        cases.push(post(site).with("Sec-Fetch-Site", site).gets(403, None));
    }
    for method in ["PUT", "PATCH", "DELETE"] {
        let case = Case::new(method, method, "/write").with("Cookie", &cookie);
        cases.push(case.with("Origin", "https://evil.example").gets(403, None));
    }
    cases
}

/// A page loaded over plain `http` is foreign if a proxy ends TLS for the service.
fn proxies(url: &str) -> Vec<Case> {
    let cookie = format!("{COOKIE}={}", token().sign());
    let says = |header: &'static str, value: &str| {
        Case::new(value, "POST", "/write").with("Cookie", &cookie).with("Origin", url).with(header, value)
    };
    vec![
        says("X-Forwarded-Proto", "https").gets(403, None),
        says("X-Forwarded-Proto", "https, http").gets(403, None),
        says("X-Forwarded-Proto", " http , https"),
        says("X-Forwarded-Proto", "").gets(403, None),
        says("X-Forwarded-Host", "evil.example"),
        says("Forwarded", "for=1.2.3.4;proto=https").gets(403, None),
        says("Forwarded", "for=1.2.3.4, for=5.6.7.8; Proto = \"https\"").gets(403, None),
        says("Forwarded", "proto=http, proto=https"),
        says("Forwarded", "proto=http").with("X-Forwarded-Proto", "https"),
        says("Forwarded", "for=1.2.3.4").with("X-Forwarded-Proto", "https").gets(403, None),
        says("Forwarded", "proto"),
    ]
}

/// Tokens that are not accepted.
fn bad(source: Source) -> Vec<Case> {
    let with = |name: &str, token: String| get(name).with("Authorization", format!("Bearer {token}"));
    let revoked = with("revoked", token().claim("sub", MALLORY).sign());
    vec![
        with("expired", token().claim("exp", 1).sign()).gets(401, INVALID_TOKEN),
        with("for others", token().claim("aud", "others").sign()).gets(401, INVALID_TOKEN),
        with("an unknown key", token().header("kid", "unknown").sign()).gets(401, INVALID_TOKEN),
        if source == Source::Waited { revoked.gets(401, INVALID_TOKEN) } else { revoked },
    ]
}
