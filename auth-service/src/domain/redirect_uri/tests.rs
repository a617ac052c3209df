use proptest::prelude::*;

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

/// A redirect URI in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Parts {
    scheme: &'static str,
    host: &'static str,
    port: Option<u32>,
    rest: String,
}

impl Parts {
    fn text(&self) -> String {
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}://{}{port}{}", self.scheme, self.host, self.rest)
    }

    fn is_loopback(&self) -> bool {
        self.scheme == "http" && matches!(self.host, "127.0.0.1" | "[::1]" | "localhost")
    }
}

fn parts() -> impl Strategy<Value = Parts> {
    let scheme = prop_oneof![Just("http"), Just("https")];
    let host = prop_oneof![
        Just("127.0.0.1"),
        Just("[::1]"),
        Just("localhost"),
        Just("127.0.0.1.evil.example"),
        Just("localhost.evil.example"),
        Just("127.0.0.1@evil.example"),
        Just("app.example"),
    ];
    let port = prop_oneof![Just(None), (0_u32..70_000).prop_map(Some)];
    let rest = prop_oneof![
        Just(String::new()),
        Just("/cb".to_owned()),
        Just("/cb/".to_owned()),
        Just("/CB".to_owned()),
        Just("/cb?x=1".to_owned()),
        Just("@evil.example/cb".to_owned()),
        "/[a-z.@:/?]{0,12}",
    ];
    (scheme, host, port, rest).prop_map(|(scheme, host, port, rest)| Parts { scheme, host, port, rest })
}

proptest! {
    /// The comparison is equal to one of the parts that the texts were made of: all of them are the same, or all but the port
    /// of a loopback address.
    #[test]
    fn texts_are_compared_as_their_parts_are(registered in parts(), asked in parts(), is_near in any::<bool>()) {
        // Unrelated texts are never equal, so half of the cases differ in their ports at most.
        let asked = if is_near { Parts { port: asked.port, ..registered.clone() } } else { asked };
        let own = RedirectUri::registered(&registered.text());
        let is_port = |port: Option<u32>| port.is_none_or(|port| (1..=65_535).contains(&port));
        let ends_the_port = |parts: &Parts| parts.rest.is_empty() || parts.rest.starts_with('/');
        let differs_in_port = registered.is_loopback()
            && (registered.host, registered.scheme, &registered.rest) == (asked.host, asked.scheme, &asked.rest)
            && ends_the_port(&registered)
            && is_port(registered.port)
            && is_port(asked.port);
        let expected = registered.text() == asked.text() || differs_in_port;
        prop_assert_eq!(own.allows(&asked.text()), expected, "{} {}", registered.text(), asked.text());
    }

    /// No text makes the comparison or the registration panic, and what is registered allows itself.
    #[test]
    fn any_text_is_registered_or_refused(text in "\\PC{0,60}", other in "\\PC{0,60}") {
        if let Ok(uri) = RedirectUri::parse(&text) {
            prop_assert!(uri.allows(&text));
        }
        prop_assert_eq!(RedirectUri::registered(&text).allows(&other) && text != other, false);
    }
}
