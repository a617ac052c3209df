//! Attacks on the sign-in.

use auth_service::domain::Client;
use reqwest::StatusCode;
use reqwest::header::SET_COOKIE;

use crate::helpers::TestApp;
use crate::helpers::codes::VERIFIER;
use crate::helpers::person::{Person, Shown, request};
use crate::helpers::sign_in::{apps, claims, native_at, redeem, refresh};

fn is_refused_with_a_page(shown: &Shown) -> bool {
    (shown.status, &shown.location) == (StatusCode::BAD_REQUEST, &None)
        && shown.is_page("This link does not work")
}

async fn redeem_at(app: &TestApp, client_id: &str, code: &str, redirect_uri: &str) -> StatusCode {
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", redirect_uri),
        ("code_verifier", VERIFIER),
    ];
    app.grant_to_public(client_id, &form).await.status()
}

/// B11: every way to be almost a registered redirect URI.
#[tokio::test]
async fn a_redirect_uri_that_is_almost_the_registered_one_gets_no_redirect() {
    for app in &apps().await {
        let mut ada = Person::new(app);
        ada.sign_in_bare("ada").await;
        for redirect_uri in [
            "https://app.example/c",
            "https://app.example/cbx",
            "https://app.example/cb/",
            "https://app.example/CB",
            "https://app.example/%63b",
            "https://app.example/cb%2f",
            "https://app.example/cb%2F",
            "https://APP.example/cb",
            "HTTPS://app.example/cb",
            "https://app.example:443/cb",
            "https://app.example:8443/cb",
            "http://app.example/cb",
            "https://app.example.evil.example/cb",
            "https://app.example@evil.example/cb",
            "https://evil.example\\@app.example/cb",
            "https://app.example/cb/../../evil",
            "https://app.example/cb/%2e%2e/evil",
            "https://app.example/cb?x=1",
            "https://app.example/cb#x",
            "https://app.example/cb\t",
            " https://app.example/cb",
            "//app.example/cb",
            "https://localhost.evil.example/cb",
            "javascript:alert(1)",
        ] {
            let shown = ada.authorize(&[("redirect_uri", redirect_uri)]).await;
            assert!(is_refused_with_a_page(&shown), "{redirect_uri}: {:?}", shown.location);
        }
    }
}

/// B11: of a loopback redirect URI only the port may differ.
#[tokio::test]
async fn of_a_loopback_redirect_uri_only_the_port_may_differ() {
    for app in &apps().await {
        let registered = ["http://127.0.0.1/cb", "http://[::1]/cb", "http://localhost/cb"];
        for (number, uri) in registered.iter().enumerate() {
            let id = format!("tool{number}");
            app.add_client(native_at(&id, &[uri])).await;
            let mut ada = Person::new(app);
            let host = uri.strip_suffix("/cb").unwrap();
            let asked = format!("{host}:53219/cb");
            let form = ada.authorize(&[("client_id", &id), ("redirect_uri", &asked)]).await;
            let code = ada.sign_in(&form, "ada").await.code();
            assert_eq!(redeem_at(app, &id, &code, uri).await, StatusCode::BAD_REQUEST, "not what was asked");
            assert_eq!(redeem_at(app, &id, &code, &asked).await, StatusCode::OK);
            for other in [
                format!("{host}:53219/other"),
                format!("{host}:53219/cb?x=1"),
                format!("{host}:0/cb"),
                format!("{host}:65536/cb"),
                format!("{host}.evil.example/cb"),
                format!("{host}:1@evil.example/cb"),
                format!("https{}:53219/cb", host.strip_prefix("http").unwrap()),
                if number == 2 { "http://127.0.0.1:1/cb" } else { "http://localhost:1/cb" }.to_owned(),
                "http://127.0.0.2/cb".to_owned(),
            ] {
                let shown = ada.authorize(&[("client_id", &id), ("redirect_uri", &other)]).await;
                assert!(is_refused_with_a_page(&shown), "{uri}: {other}");
            }
        }
    }
}

/// B10: who presents a used code without its proof ends nothing, and who proves the challenge ends what it gave.
#[tokio::test]
async fn only_a_reuse_that_proves_the_challenge_ends_what_the_code_gave() {
    for app in &apps().await {
        let mut ada = Person::new(app);
        let form = ada.authorize(&[]).await;
        let code = ada.sign_in(&form, "ada").await.code();
        let tokens = redeem(app, "web1", &code).await.1;
        for verifier in [None, Some(&VERIFIER[1..]), Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")] {
            let form = [
                ("grant_type", "authorization_code"),
                ("code", &code),
                ("redirect_uri", "https://app.example/cb"),
            ];
            let form: Vec<_> =
                form.into_iter().chain(verifier.map(|verifier| ("code_verifier", verifier))).collect();
            assert_eq!(app.grant_to("web1", &form).await.status(), StatusCode::BAD_REQUEST);
        }
        let (status, refreshed) = refresh(app, "web1", tokens["refresh_token"].as_str().unwrap()).await;
        assert_eq!(status, StatusCode::OK, "no proof, no end");
        assert_eq!(redeem(app, "web1", &code).await.0, StatusCode::BAD_REQUEST);
        let (status, _) = refresh(app, "web1", refreshed["refresh_token"].as_str().unwrap()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "the reuse proved the challenge");
    }
}

/// B16: a session that somebody else put into the browser is not taken over by the one who signs in.
#[tokio::test]
async fn a_sign_in_gives_a_handle_that_nobody_knew_before() {
    for app in &apps().await {
        let mut mallory = Person::new(app);
        mallory.sign_in_bare("bob").await;
        let mut ada = mallory.copy();
        ada.sign_in_bare("ada").await;
        assert_ne!(ada.cookies, mallory.cookies);
        assert!(ada.open("/account").await.html.contains("ada"));
        assert_eq!(mallory.open("/account").await.location.as_deref(), Some("/login"), "their session ended");
        // The same with a handle that never existed, and with two cookies, of which a sibling domain may have set one.
        let invented = format!("lkb_{}", "A".repeat(43));
        let mut eve = Person::new(app);
        eve.cookies.insert("__Host-session".to_owned(), invented.clone());
        eve.sign_in_bare("ada").await;
        assert_ne!(eve.cookies["__Host-session"], invented);
        let twice = format!("__Host-session={invented}; __Host-session={}", eve.cookies["__Host-session"]);
        for path in
            [format!("/oauth2/authorize?{}", request(&[])), "/login".to_owned(), "/account".to_owned()]
        {
            let get = app.client.get(format!("{}{path}", app.url)).header("cookie", &twice);
            let response = get.send().await.unwrap();
            assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{path}");
            assert!(response.headers().get("location").is_none());
        }
    }
}

/// B16: no page redirects to an address that a parameter names, whatever the parameter is called.
#[tokio::test]
async fn a_sign_in_without_an_application_ends_at_the_account() {
    for app in &apps().await {
        for target in ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)"] {
            for name in ["next", "return_to", "redirect_uri", "continue"] {
                let mut ada = Person::new(app);
                let query =
                    url::form_urlencoded::Serializer::new(String::new()).append_pair(name, target).finish();
                let form = ada.open(&format!("/login?{query}")).await;
                assert!(form.is_page("Sign in") && !form.html.contains("evil.example"), "{name}={target}");
                let fields = [("username", "ada"), ("password", crate::helpers::PASSWORD), (name, target)];
                let shown = ada.post(&format!("/login?{query}"), &fields).await;
                assert_eq!(shown.location.as_deref(), Some("/account"), "{name}={target}");
            }
        }
    }
}

/// B16: what a request carries comes out escaped, and too much of it is an error with the headers of pages.
#[tokio::test]
async fn hostile_parameters_end_up_in_no_header_and_in_no_markup() {
    for app in &apps().await {
        let hostile = "\"><script>alert(1)</script>\r\nSet-Cookie: a=b\r\n\r\n";
        let huge = hostile.repeat(64 * 1024 / hostile.len());
        for (name, value) in
            [("state", hostile), ("login_hint", hostile), ("nonce", hostile), ("ui_locales", hostile)]
        {
            let mut ada = Person::new(app);
            let form = ada.authorize(&[(name, value)]).await;
            assert!(form.is_page("Sign in") && !form.html.contains("<script>alert"), "{name}");
            let answer = ada.sign_in(&form, "ada").await;
            assert!(!answer.code().is_empty());
            let set = answer.headers.get_all(SET_COOKIE).iter();
            let cookies: Vec<_> = set.map(|cookie| cookie.to_str().unwrap()).collect();
            assert!(
                cookies.len() == 2
                    && cookies[0].starts_with("__Host-session=")
                    && cookies[1].starts_with("__Host-device=")
            );
            let posted = ada.authorize(&[(name, value), ("response_mode", "form_post")]).await;
            assert!(!posted.html.contains("<script>alert") && !posted.headers.contains_key("set-cookie"));
        }
        for name in ["state", "login_hint", "client_id", "redirect_uri", "request"] {
            let post = app.client.post(format!("{}/oauth2/authorize", app.url));
            let post = post.header("content-type", "application/x-www-form-urlencoded");
            let response = post.body(request(&[(name, &huge)])).send().await.unwrap();
            assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{name}");
            let headers = response.headers().clone();
            assert!(headers["content-security-policy"].to_str().unwrap().contains("frame-ancestors 'none'"));
            assert!(!response.text().await.unwrap().contains("<script>alert"), "{name}");
        }
    }
}

/// B27: a native client of others, whose consent is remembered, still gets no code by an address that is opened.
#[tokio::test]
async fn a_native_client_of_others_meets_the_consent_once_and_the_button_always() {
    for app in &apps().await {
        app.add_client(Client { is_first_party: false, ..native_at("gadget", &["http://127.0.0.1/cb"]) })
            .await;
        let ask = [("client_id", "gadget"), ("redirect_uri", "http://127.0.0.1:7777/cb")];
        let silent = [ask[0], ask[1], ("prompt", "none")];
        let mut ada = Person::new(app);
        let prepared = ada.authorize(&ask).await;
        let consent = ada.sign_in(&prepared, "ada").await;
        assert!(consent.is_page("Allow access to your account?"), "{}", consent.html);
        assert_eq!(ada.authorize(&silent).await.error(), "consent_required");
        assert!(!ada.decide(&consent, "allow").await.code().is_empty(), "a press of a button");
        let address = format!("/login?request={}", prepared.request());
        let opened = ada.open(&address).await;
        for page in [ada.authorize(&ask).await, ada.follow(opened).await] {
            assert!(page.html.contains("Continue to") && page.location.is_none(), "{}", page.html);
        }
        assert_eq!(ada.authorize(&silent).await.error(), "interaction_required");
    }
}

/// B28: what is no sign-in for this request does not count as one.
#[tokio::test]
async fn a_step_up_needs_a_sign_in_of_this_person_for_this_request() {
    for app in &apps().await {
        let mut ada = Person::new(app);
        let form = ada.authorize(&[]).await;
        let first = redeem(app, "web1", &ada.sign_in(&form, "ada").await.code()).await.1;
        let before = ada.copy();
        app.clock.advance_ms(5_000);
        // The sign-in of another person, by the address of Ada's request and in another browser.
        let page = ada.authorize(&[("prompt", "login")]).await;
        let mut bob = Person::new(app);
        let form = bob.open(&format!("/login?request={}", page.request())).await;
        assert!(!bob.sign_in(&form, "bob").await.code().is_empty());
        let address = format!("/login?request={}", page.request());
        assert!(ada.open(&address).await.is_page("Confirm it is you"), "Bob's sign-in is not Ada's");
        // The handle from before the sign-in.
        assert!(!ada.sign_in(&page, "ada").await.code().is_empty());
        let stale = before.copy().open(&address).await;
        assert!(stale.is_page("Confirm it is you"), "the old handle knows nothing of the new sign-in");
        // A consent that is given eleven minutes after the sign-in that it needs.
        app.clock.advance_ms(5_000);
        let third = [("client_id", "third"), ("prompt", "login consent")];
        let page = ada.authorize(&third).await;
        assert!(page.is_page("Confirm it is you"));
        let consent = ada.sign_in(&page, "ada").await;
        assert!(consent.is_page("Allow access to your account?"), "{}", consent.html);
        app.clock.advance_ms(11 * 60_000);
        let again = ada.decide(&consent, "allow").await;
        assert!(again.is_page("Confirm it is you"), "{:?} {}", again.location, again.html);
        let page = ada.sign_in(&again, "ada").await;
        let answer = if page.location.is_some() { page } else { ada.decide(&page, "allow").await };
        let tokens = redeem(app, "third", &answer.code()).await.1;
        let (old, new) = (claims(&first["id_token"]), claims(&tokens["id_token"]));
        assert!(new["auth_time"].as_i64() >= old["auth_time"].as_i64().map(|time| time + 660));
        // A second factor that nobody has.
        let acr = r#"{"id_token": {"acr": {"essential": true, "value": "aal2"}}}"#;
        for prompt in ["", "none", "login"] {
            let refused = ada.authorize(&[("claims", acr), ("prompt", prompt)]).await;
            assert_eq!(refused.error(), "unmet_authentication_requirements");
        }
    }
}
