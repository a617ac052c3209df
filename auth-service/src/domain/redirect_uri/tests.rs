use super::*;

fn uri(text: &str) -> RedirectUri {
    RedirectUri::parse(text).unwrap()
}

#[test]
fn what_apps_use_is_taken() {
    for good in [
        "https://app.example/callback",
        "https://app.example",
        "https://app.example:8443/cb?tenant=1",
        "https://app.example/@team/cb",
        "https://app.example/cb?for=a@b.example",
        "http://localhost:3000/cb",
        "http://127.0.0.1/cb",
        "http://[::1]:8080/cb",
        "com.example.app:/oauth2redirect",
        "com.Example.App:/cb",
        "myapp://cb",
        "myapp:cb",
        "MyApp:/cb",
    ] {
        assert_eq!(RedirectUri::parse(good).map(|uri| uri.0), Ok(good.to_owned()));
    }
}

#[test]
fn pages_of_a_uri_are_known_by_their_origin_and_on_loopback_by_any_port() {
    let is_of = |registered: &str, origin: &str| uri(registered).origin() == RedirectOrigin::parse(origin);
    for (registered, origin) in [
        ("https://app.example/callback?a=1", "https://app.example"),
        ("https://app.example:8443/cb", "https://app.example:8443"),
        ("http://localhost:3000/cb", "http://localhost:3000"),
        ("http://localhost:3000/cb", "http://localhost:3001"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:50123"),
        ("http://127.0.0.1:4000/cb", "http://127.0.0.1"),
        ("http://[::1]:8080/cb", "http://[::1]:9"),
    ] {
        assert!(is_of(registered, origin), "{registered} {origin}");
    }
    for (registered, origin) in [
        ("https://app.example/callback", "http://app.example"),
        ("https://app.example/callback", "https://app.example:8443"),
        ("https://app.example/callback", "https://app.example.evil.example"),
        ("https://app.example/callback", "null"),
        ("http://127.0.0.1/cb", "https://127.0.0.1:50123"),
        ("http://127.0.0.1/cb", "http://127.0.0.1.evil.example"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:1/"),
    ] {
        assert!(!is_of(registered, origin), "{registered} {origin}");
    }
    assert_eq!(uri("com.example.app:/oauth2redirect").origin(), None);
}

/// B11, at registration.
#[test]
fn what_could_lead_elsewhere_is_refused() {
    for bad in [
        "",
        "/callback",
        "app.example/callback",
        "https://app.example/cb#fragment",
        "https://good.example@evil.example/cb",
        "https://@app.example/cb",
        "https://app.example@/cb",
        "https://user:secret@app.example/cb",
        "https://app.example/a/../cb",
        "https://app.example/%2e%2e/cb",
        "https://app.example\\@evil.example/cb",
        "https://app.example/\tcb",
        "https://app.example/c b",
        "https://APP.example/cb",
        "https://app.example:443/cb",
        "http://app.example/cb",
        "http://localhost.evil/cb",
        "http://127.0.0.1.evil/cb",
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "JavaScript:alert(1)",
        "blob:https://app.example/1",
        "about:blank",
        "vbscript:x",
        "intent://x",
        "tel:+123",
        "sms:+123",
        "mailto:a@b.example",
        "view-source:https://app.example/cb",
        "ms-settings:x",
        "https://app.example/cb?code=1",
        "https://app.example/cb?a=1&st%61te=2",
        "com.example.app:/cb?error=1",
        "https://app.example/cb?iss=x",
        "https:app.example/cb",
        "https:///cb",
    ] {
        assert!(RedirectUri::parse(bad).is_err(), "{bad:?}");
    }
    assert!(RedirectUri::parse(&format!("https://app.example/{}", "x".repeat(2000))).is_err());
}

/// B11, in a request.
#[test]
fn only_the_very_same_text_is_allowed() {
    let own = uri("https://app.example/cb");
    assert!(own.allows("https://app.example/cb"));
    for other in [
        "https://app.example/cb/",
        "https://app.example/cb2",
        "https://app.example/c",
        "https://app.example/cb?x=1",
        "https://app.example/cb#f",
        "https://app.example/a/../cb",
        "https://app.example/%63b",
        "https://app.example/CB",
        "https://App.example/cb",
        "HTTPS://app.example/cb",
        "https://app.example:443/cb",
        "http://app.example/cb",
        "https://app.example@evil.example/cb",
        "https://app.example\\evil/cb",
        "https://app.example/cb\t",
        " https://app.example/cb",
        "https://app.example.evil/cb",
        "javascript:alert(1)",
        "",
    ] {
        assert!(!own.allows(other), "{other:?}");
    }
}

#[test]
fn a_loopback_address_may_change_its_port_and_nothing_else() {
    for own in ["http://127.0.0.1/cb", "http://127.0.0.1:1234/cb"] {
        let own = uri(own);
        for same in ["http://127.0.0.1/cb", "http://127.0.0.1:1/cb", "http://127.0.0.1:65535/cb"] {
            assert!(own.allows(same), "{same}");
        }
        for other in [
            "http://127.0.0.1:65536/cb",
            "http://127.0.0.1:0/cb",
            "http://127.0.0.1:/cb",
            "http://127.0.0.1:080/cb",
            "http://127.0.0.1:1/cb/",
            "http://127.0.0.1:1/other",
            "http://127.0.0.1:1@evil.example/cb",
            "http://127.0.0.1:1.evil.example/cb",
            "http://127.0.0.1.evil.example/cb",
            "http://127.0.0.2:1/cb",
            "https://127.0.0.1:1/cb",
            "http://[::1]:1/cb",
            "http://localhost:1/cb",
        ] {
            assert!(!own.allows(other), "{other}");
        }
    }
    assert!(uri("http://[::1]/cb").allows("http://[::1]:9/cb"));
    assert!(uri("http://localhost:3000/cb").allows("http://localhost:3001/cb"));
    for other in ["http://localhost.evil:1/cb", "http://localhostevil/cb", "http://127.0.0.1:1/cb"] {
        assert!(!uri("http://localhost:3000/cb").allows(other), "{other}");
    }
}

#[test]
fn what_stays_on_the_device_is_told_apart() {
    for (asked, expected) in [
        ("http://127.0.0.1:5000/cb", true),
        ("http://[::1]/cb", true),
        ("http://localhost:1/cb", true),
        ("com.example.app:/cb", true),
        ("myapp://app.example/cb", true),
        ("https://app.example/cb", false),
        ("https://localhost.example/cb", false),
    ] {
        assert_eq!(RedirectUri::is_on_device(asked), expected, "{asked}");
    }
}
