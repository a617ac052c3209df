//! What an application may ask for at the sign-in, and what pages and forms do with it.

use auth_service::domain::RedirectUri;
use reqwest::StatusCode;

use crate::helpers::PASSWORD;
use crate::helpers::person::{Person, Shown, request};
use crate::helpers::sign_in::{apps, redeem};

/// B17 and B28.
#[tokio::test]
async fn silent_requests_are_always_answered_to_the_client() {
    for app in &apps().await {
        let mut nobody = Person::new(app);
        nobody.cookies.insert("__Host-session".to_owned(), "garbage".to_owned());
        for changes in [&[("prompt", "none")][..], &[("prompt", "none"), ("response_mode", "query")]] {
            let answer = nobody.authorize(changes).await;
            assert_eq!((answer.status, answer.error()), (StatusCode::SEE_OTHER, "login_required".to_owned()));
            assert_eq!(answer.received("state").as_deref(), Some("xyz12345"));
        }
        for (changes, error) in [
            (&[("prompt", "none login")][..], "invalid_request"),
            (&[("max_age", "-1")], "invalid_request"),
            (&[("max_age", "abc")], "invalid_request"),
            (&[("id_token_hint", "nonsense")], "invalid_request"),
            (&[("request", "e30")], "request_not_supported"),
            (&[("response_type", "token")], "unsupported_response_type"),
        ] {
            assert_eq!(nobody.authorize(changes).await.error(), error, "{changes:?}");
        }
        let mut ada = Person::new(app);
        let form = ada.authorize(&[]).await;
        let tokens = redeem(app, "web1", &ada.sign_in(&form, "ada").await.code()).await.1;
        let hint = tokens["id_token"].as_str().unwrap();
        app.clock.advance_ms(3_000);
        assert!(!ada.authorize(&[("prompt", "none"), ("id_token_hint", hint)]).await.code().is_empty());
        assert_eq!(ada.authorize(&[("prompt", "none"), ("max_age", "1")]).await.error(), "login_required");
        assert!(!ada.authorize(&[("prompt", "none"), ("max_age", "3600")]).await.code().is_empty());
        assert!(ada.authorize(&[("max_age", "1")]).await.is_page("Confirm it is you"));
        let form = ada.authorize(&[("max_age", "0")]).await;
        assert!(form.is_page("Confirm it is you"));
        assert!(!ada.sign_in(&form, "ada").await.code().is_empty(), "asked once");
        assert_eq!(
            ada.authorize(&[("prompt", "none"), ("client_id", "third")]).await.error(),
            "consent_required"
        );

        // Somebody else is signed in than the hint names.
        let mut bob = Person::new(app);
        bob.sign_in_bare("bob").await;
        assert_eq!(
            bob.authorize(&[("prompt", "none"), ("id_token_hint", hint)]).await.error(),
            "login_required"
        );
        let page = bob.authorize(&[("id_token_hint", hint)]).await;
        assert!(page.is_page("Which account?") && !page.html.contains("Continue as"), "{}", page.html);
        assert_eq!(bob.sign_in(&page, "bob").await.error(), "login_required");
    }
}

#[tokio::test]
async fn consent_is_asked_for_once_and_for_what_is_new() {
    for app in &apps().await {
        let mut ada = Person::new(app);
        let third = |scope: &'static str| [("client_id", "third"), ("scope", scope)];
        let form = ada.authorize(&third("openid profile")).await;
        let page = ada.sign_in(&form, "ada").await;
        assert!(page.is_page("Allow access to your account?"), "{}", page.html);
        assert!(page.html.contains("app.example"), "the person sees where it leads");
        let refused = ada.decide(&page, "deny").await;
        assert_eq!(
            (refused.error(), refused.received("state").as_deref()),
            ("access_denied".to_owned(), Some("xyz12345"))
        );
        let page = ada.authorize(&third("openid profile")).await;
        let allowed = ada.decide(&page, "allow").await;
        let tokens = redeem(app, "third", &allowed.code()).await.1;
        assert_eq!(tokens["scope"], "openid profile");
        // The same again, in any order, or less: no page. Posting the old page again goes on, too.
        assert!(!ada.authorize(&third("profile openid")).await.code().is_empty());
        assert!(!ada.authorize(&third("openid")).await.code().is_empty());
        assert!(!ada.decide(&page, "allow").await.code().is_empty());
        // More: the page names what is new.
        let more = ada.authorize(&third("openid profile email")).await;
        assert!(more.html.contains("See your e-mail address") && !more.html.contains("See your profile"));
        assert!(
            ada.authorize(&[("prompt", "consent"), ("client_id", "third")])
                .await
                .is_page("Allow access to your account?")
        );
        // Another person's browser session does not take the decision of the page that named Ada.
        let mut bob = Person::new(app);
        bob.sign_in_bare("bob").await;
        let anew = bob.decide(&more, "allow").await;
        assert!(anew.is_page("Allow access to your account?") && anew.html.contains("bob"), "{}", anew.html);
        // A page of one purpose is nonsense to another.
        let swapped = bob.post("/continue", &[("request", more.request())]).await;
        assert_eq!(swapped.location.as_deref(), Some("/login"));
    }
}

/// B27: nothing proves which program on the device gets the answer, so a person presses a button first.
#[tokio::test]
async fn a_native_client_gets_its_code_by_a_post_only() {
    for app in &apps().await {
        for redirect_uri in ["http://127.0.0.1:53219/cb", "com.example.app:/cb"] {
            let native = [("client_id", "native"), ("redirect_uri", redirect_uri)];
            let mut ada = Person::new(app);
            let prepared = ada.authorize(&native).await;
            let answer = ada.sign_in(&prepared, "ada").await;
            assert!(answer.location.as_deref().unwrap().starts_with(&format!("{redirect_uri}?code=")));
            // Signed in: by an address that is opened there is a page, also by one that was fetched before.
            for page in [ada.authorize(&native).await, {
                let opened = ada.open(&format!("/login?request={}", prepared.request())).await;
                ada.follow(opened).await
            }] {
                assert!(page.is_page("Continue to <bdi translate=\"no\">native</bdi>?"), "{}", page.html);
                let posted = ada.post("/continue", &[("request", page.request())]).await;
                assert!(posted.location.as_deref().unwrap().starts_with(&format!("{redirect_uri}?code=")));
            }
            let silent = [native[0], native[1], ("prompt", "none")];
            assert_eq!(ada.authorize(&silent).await.error(), "interaction_required");
            assert_eq!(Person::new(app).authorize(&silent).await.error(), "login_required");
        }
    }
}

/// B11.
#[tokio::test]
async fn a_request_that_cannot_be_answered_shows_a_page_and_redirects_nowhere() {
    for app in &apps().await {
        let mut person = Person::new(app);
        for changes in [
            &[("client_id", "unknown")][..],
            &[("client_id", "")],
            &[("redirect_uri", "")],
            &[("redirect_uri", "https://app.example/cb/")],
            &[("redirect_uri", "https://app.example/cb?x=1")],
            &[("redirect_uri", "https://app.example/cb#f")],
            &[("redirect_uri", "https://app.example@evil.example/cb")],
            &[("redirect_uri", "https://app.example/a/../cb")],
            &[("redirect_uri", "https://app.example/%2e%2e/cb")],
            &[("redirect_uri", "https://app.example\\@evil.example/cb")],
            &[("redirect_uri", "https://app.example/\tcb")],
            &[("redirect_uri", "https://App.example/cb")],
            &[("redirect_uri", "https://localhost.evil/cb")],
            &[("redirect_uri", "javascript:alert(1)")],
            &[("redirect_uri", "https://app.example/cb"), ("redirect_uri", "https://app.example/cb")],
            &[("client_id", "web1"), ("client_id", "web1")],
            &[("prompt", "none"), ("redirect_uri", "https://evil.example/cb")],
        ] {
            let page = person.authorize(changes).await;
            assert_eq!(
                (page.status, page.location.as_deref()),
                (StatusCode::BAD_REQUEST, None),
                "{changes:?}"
            );
            assert!(
                page.is_page("This link does not work") && !page.html.contains("evil.example"),
                "{changes:?}"
            );
            let posted = person.post("/oauth2/authorize", &[]).await;
            assert_eq!((posted.status, posted.location), (StatusCode::BAD_REQUEST, None));
        }
        let long = "x".repeat(5_000);
        assert_eq!(person.authorize(&[("login_hint", &long)]).await.status, StatusCode::BAD_REQUEST);
        let odd = person.authorize(&[("client_id", "<script>alert(1)</script>")]).await;
        assert!(
            !odd.html.contains("<script>alert") && odd.html.contains("&#60;script")
                || odd.html.contains("&lt;script")
        );
    }
}

#[tokio::test]
async fn state_and_the_answer_survive_pages_and_forms_as_they_came() {
    for app in &apps().await {
        let mut ada = Person::new(app);
        for state in [
            "a+b/c==",
            "%7B%22x%22%3A1%7D",
            "~-._",
            "a b",
            "a%2Bb",
            "ä✓",
            "a;b&c=d#e",
            "\r\nX: y",
            &"s".repeat(2000),
        ] {
            let page = ada.copy().authorize(&[("state", state), ("prompt", "login")]).await;
            let answer = ada.copy().sign_in(&page, "ada").await;
            assert_eq!(answer.received("state").as_deref(), Some(state));
            let refused = ada.authorize(&[("state", state), ("prompt", "none")]).await;
            assert_eq!(refused.received("state").as_deref(), Some(state));
        }
        assert!(
            ada.authorize(&[("state", "~-._"), ("prompt", "none")])
                .await
                .location
                .unwrap()
                .contains("state=~-._")
        );
        assert_eq!(ada.authorize(&[("state", ""), ("prompt", "none")]).await.received("state"), None);
        let form = ada.authorize(&[("response_mode", "form_post"), ("state", "a\"<b")]).await;
        let page = ada.sign_in(&form, "ada").await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(
            page.html.contains("action=\"https://app.example/cb\"") && page.html.contains("name=\"code\""),
            "{}",
            page.html
        );
        assert!(page.html.contains("name=\"iss\"") && page.html.contains("data-autosubmit"));
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(!policy.contains("form-action") && page.headers["cache-control"] == "no-store");
        let refused =
            ada.authorize(&[("response_mode", "form_post"), ("prompt", "none"), ("max_age", "0")]).await;
        assert!(refused.html.contains("login_required"));
    }
}

/// B16.
#[tokio::test]
async fn forms_of_other_sites_change_nothing() {
    for app in &apps().await {
        let mut ada = Person::new(app);
        ada.sign_in_bare("ada").await;
        let cookie =
            ada.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
        for path in ["/login", "/register", "/consent", "/continue", "/logout"] {
            for headers in [
                &[][..],
                &[("origin", "https://evil.example")],
                // Origins that may call the API are foreign here.
                &[("origin", "http://localhost:5173")],
                &[("origin", "null")],
                &[("origin", "null"), ("sec-fetch-site", "cross-site")],
                &[("sec-fetch-site", "same-site")],
            ] {
                let post = app.client.post(format!("{}{path}", app.url)).header("cookie", &cookie);
                let post = post.form(&[("username", "bob"), ("password", PASSWORD)]);
                let post = headers.iter().fold(post, |post, (name, value)| post.header(*name, *value));
                let response = post.send().await.unwrap();
                assert_eq!(response.status(), StatusCode::FORBIDDEN, "{path} {headers:?}");
                assert!(response.headers().get("set-cookie").is_none());
                assert!(
                    response.headers()["content-security-policy"]
                        .to_str()
                        .unwrap()
                        .contains("frame-ancestors 'none'")
                );
            }
        }
        assert!(ada.open("/account").await.html.contains("ada"), "still signed in");
        let own = app.client.post(format!("{}/logout", app.url)).header("cookie", &cookie);
        let own =
            own.header("origin", "null").header("sec-fetch-site", "same-origin").form::<[(&str, &str)]>(&[]);
        assert_eq!(own.send().await.unwrap().status(), StatusCode::SEE_OTHER);
        assert_eq!(ada.open("/account").await.location.as_deref(), Some("/login"));
    }
}

#[tokio::test]
async fn a_person_registers_on_the_page_and_goes_on() {
    for app in &apps().await {
        let mut person = Person::new(app);
        let form = person.authorize(&[]).await;
        let page = person.open(&format!("/register?request={}", form.request())).await;
        assert!(page.is_page("Create your account"), "{}", page.html);
        let wrong = person
            .post(
                "/register",
                &[("request", page.request()), ("username", "ada"), ("email", "x"), ("password", "short")],
            )
            .await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(wrong.html.contains("Enter an e-mail address like") && wrong.html.contains("value=\"ada\""));
        assert!(!wrong.html.contains("short\""), "a password is never written into HTML");
        let fields =
            [("request", wrong.request()), ("username", "carol"), ("email", ""), ("password", PASSWORD)];
        let answer = person.post("/register", &fields).await;
        assert_eq!(redeem(app, "web1", &answer.code()).await.0, StatusCode::OK);
        let taken = Person::new(app).post("/register", &fields).await;
        assert!(
            taken.status == StatusCode::UNPROCESSABLE_ENTITY
                && taken.html.contains("This user name cannot be used")
        );
    }
}

#[tokio::test]
async fn a_wrong_password_shows_the_form_again_and_says_nothing_about_the_account() {
    for app in &apps().await {
        let mut person = Person::new(app);
        let form = person.authorize(&[]).await;
        let try_as = async |username: &str| {
            let fields =
                [("request", form.request()), ("username", username), ("password", "wrong wrong wrong")];
            Person::new(app).post("/login", &fields).await
        };
        let (known, unknown) = (try_as("ada").await, try_as("xq1").await);
        assert_eq!(
            (known.status, unknown.status),
            (StatusCode::UNPROCESSABLE_ENTITY, StatusCode::UNPROCESSABLE_ENTITY)
        );
        let neutral = |shown: &Shown, name: &str| shown.html.replace(shown.request(), "").replace(name, "");
        assert_eq!(neutral(&known, "ada"), neutral(&unknown, "xq1"));
        assert!(!known.html.contains("wrong wrong wrong") && known.html.contains("<title>Error: "));
        let empty = person.post("/login", &[("request", form.request())]).await;
        assert!(
            empty.status == StatusCode::UNPROCESSABLE_ENTITY && empty.html.contains("Enter your password.")
        );
    }
}

#[tokio::test]
async fn a_post_from_another_site_is_kept_and_judged_when_the_cookie_comes_along() {
    for app in &apps().await {
        let mut ada = Person::new(app);
        ada.sign_in_bare("ada").await;
        let post = app.client.post(format!("{}/oauth2/authorize", app.url)).body(request(&[]));
        let post = post
            .header("content-type", "application/x-www-form-urlencoded")
            .header("origin", "https://rp.example");
        let response = post.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        let path = response.headers()["location"].to_str().unwrap().to_owned();
        assert!(path.starts_with("/login?request="));
        assert!(!ada.open(&path).await.code().is_empty());
        // A client that loses its redirect URI between the page and the post.
        let form = Person::new(app).authorize(&[]).await;
        app.change_client("web1", |client| {
            client.redirect_uris = vec![RedirectUri::parse("https://new.example/cb").unwrap()];
        })
        .await;
        let ended = Person::new(app).sign_in(&form, "ada").await;
        assert_eq!(ended.status, StatusCode::GONE);
        assert!(ended.is_page("This sign-in has ended"));
    }
}
