//! People sign in on the hosted pages, and applications get codes (OpenID Connect Core §3.1).

use auth_service::domain::{Client, RedirectUri};
use reqwest::StatusCode;
use serde_json::Value;
use shared_claims::scope::Scopes;

use crate::helpers::clients::{basic, client, public_client, secret_of};
use crate::helpers::codes::VERIFIER;
use crate::helpers::person::{OWN_ORIGIN, Person, request};
use crate::helpers::{PASSWORD, TestApp, both, claims_of};

/// The application `web1`, which its users are not asked about.
fn web1() -> Client {
    Client {
        is_first_party: true,
        scopes: Scopes::parse("openid profile email offline_access todos:read").unwrap(),
        ..client("web1")
    }
}

async fn apps() -> [TestApp; 2] {
    let apps = both().await;
    for app in &apps {
        app.register("ada").await;
        app.register("bob").await;
        app.add_client(web1()).await;
        app.add_client(Client {
            is_first_party: false,
            ..Client { id: client("third").id, name: "Third".to_owned(), ..web1() }
        })
        .await;
        let redirect_uris =
            ["http://127.0.0.1/cb", "com.example.app:/cb"].map(|uri| RedirectUri::parse(uri).unwrap());
        app.add_client(Client {
            redirect_uris: redirect_uris.to_vec(),
            is_first_party: true,
            ..public_client("native")
        })
        .await;
    }
    apps
}

fn claims(token: &Value) -> Value {
    claims_of(token.as_str().unwrap())
}

/// Redeems a code as `web1`, or as another confidential client.
async fn redeem(app: &TestApp, client_id: &str, code: &str) -> (StatusCode, Value) {
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", "https://app.example/cb"),
        ("code_verifier", VERIFIER),
    ];
    let request = app.client.post(format!("{}/oauth2/token", app.url)).form(&form);
    let response =
        request.header("Authorization", basic(client_id, &secret_of(client_id))).send().await.unwrap();
    (response.status(), response.json().await.unwrap())
}

async fn refresh(app: &TestApp, client_id: &str, token: &str) -> (StatusCode, Value) {
    let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
    let request = app.client.post(format!("{}/oauth2/token", app.url)).form(&form);
    let response =
        request.header("Authorization", basic(client_id, &secret_of(client_id))).send().await.unwrap();
    (response.status(), response.json().await.unwrap())
}

#[tokio::test]
async fn a_person_signs_in_and_the_application_gets_tokens_and_an_id_token() {
    for app in &apps().await {
        let mut ada = Person::new(app);
        let form = ada.authorize(&[]).await;
        assert!(form.is_page("Sign in"), "{}", form.html);
        let answer = ada.sign_in(&form, "ada").await;
        assert!(answer.location.as_deref().unwrap().starts_with("https://app.example/cb?code="));
        assert_eq!(answer.received("state").as_deref(), Some("xyz12345"));
        assert_eq!(answer.received("iss").as_deref(), Some(OWN_ORIGIN));
        let (status, tokens) = redeem(app, "web1", &answer.code()).await;
        assert_eq!(status, StatusCode::OK, "{tokens}");
        let (access, id) = (claims(&tokens["access_token"]), claims(&tokens["id_token"]));
        assert_eq!((&id["sub"], &id["aud"], &id["nonce"]), (&access["sub"], &"web1".into(), &"n1".into()));
        assert_eq!(
            (&id["acr"], &id["amr"], &id["iss"]),
            (&"aal1".into(), &serde_json::json!(["pwd"]), &access["iss"])
        );
        assert_eq!(id["auth_time"], access["auth_time"]);
        assert_ne!(id["sid"], access["sid"], "the browser session is above the client's");
        assert!(id.get("username").is_none() && id.get("email").is_none());
        assert_eq!(id["at_hash"].as_str().unwrap().len(), 22);

        // A second application gets its code without a page.
        let again = ada.authorize(&[("state", "other")]).await;
        assert_eq!((again.received("state").as_deref(), again.code().is_empty()), (Some("other"), false));
        // The refreshed id_token is the first one, apart from what is of its own time.
        app.clock.advance_ms(5_000);
        let (status, refreshed) = refresh(app, "web1", tokens["refresh_token"].as_str().unwrap()).await;
        assert_eq!(status, StatusCode::OK, "{refreshed}");
        let second = claims(&refreshed["id_token"]);
        for member in ["iss", "sub", "aud", "auth_time", "sid", "acr", "amr"] {
            assert_eq!(second[member], id[member], "{member}");
        }
        assert!(second.get("nonce").is_none());
        assert!(second["iat"].as_i64() > id["iat"].as_i64() && second["at_hash"] != id["at_hash"]);
        // An id_token is no access token.
        let me =
            app.client.get(format!("{}/auth/me", app.url)).bearer_auth(tokens["id_token"].as_str().unwrap());
        assert_eq!(me.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    }
}

/// R01, R04, R05 and R07: pages that were left open, posted twice, bookmarked or gone back to.
#[tokio::test]
async fn every_page_goes_on_with_its_own_request() {
    for app in &apps().await {
        let mut ada = Person::new(app);
        let (one, two) = (ada.authorize(&[("state", "s1")]).await, ada.authorize(&[("state", "s2")]).await);
        assert_eq!(ada.sign_in(&two, "ada").await.received("state").as_deref(), Some("s2"));
        let late = ada.sign_in(&one, "ada").await;
        assert_eq!((late.received("state").as_deref(), late.code().is_empty()), (Some("s1"), false));
        // The address of the first page, opened again: by the browser that is signed in, and by a new one.
        let address = format!("/login?request={}", one.request());
        assert_eq!(ada.open(&address).await.received("state").as_deref(), Some("s1"));
        let mut elsewhere = Person::new(app);
        let form = elsewhere.open(&address).await;
        assert!(form.is_page("Sign in"));
        assert_eq!(elsewhere.sign_in(&form, "bob").await.received("state").as_deref(), Some("s1"));
        // The same post twice: the second one has the cookies of before.
        let mut impatient = Person::new(app);
        let form = impatient.authorize(&[]).await;
        let mut before = impatient.copy();
        let first = impatient.sign_in(&form, "ada").await;
        let second = before.sign_in(&form, "ada").await;
        assert_ne!(first.code(), second.code());
        assert_eq!(redeem(app, "web1", &second.code()).await.0, StatusCode::OK);
        // Bare, nonsense, or cut: a form that leads to the account.
        for path in ["/login", "/login?request=nonsense", &address[..40]] {
            let mut new = Person::new(app);
            let form = new.open(path).await;
            assert!(form.status == StatusCode::OK && form.is_page("Sign in"), "{path}");
            new.sign_in_bare("ada").await;
            assert!(new.open("/account").await.html.contains("ada"));
        }
        // A page that was open for a day.
        let mut patient = Person::new(app);
        let form = patient.authorize(&[("prompt", "login")]).await;
        app.clock.advance_ms(86_400_000);
        assert!(!patient.sign_in(&form, "ada").await.code().is_empty());
    }
}

#[tokio::test]
async fn who_signs_in_again_keeps_the_session_and_who_else_does_ends_it() {
    for app in &apps().await {
        let mut ada = Person::new(app);
        let form = ada.authorize(&[]).await;
        let tokens = redeem(app, "web1", &ada.sign_in(&form, "ada").await.code()).await.1;
        let before = ada.copy();
        app.clock.advance_ms(2_000);
        let form = ada.authorize(&[("prompt", "login")]).await;
        assert!(form.is_page("Confirm it is you"), "{}", form.html);
        // Abandoned: the session stays as it is.
        assert!(!ada.copy().authorize(&[]).await.code().is_empty());
        let renewed = redeem(app, "web1", &ada.sign_in(&form, "ada").await.code()).await.1;
        let (old, new) = (claims(&tokens["id_token"]), claims(&renewed["id_token"]));
        assert_eq!(old["sid"], new["sid"]);
        assert_eq!(new["auth_time"].as_i64().unwrap(), old["auth_time"].as_i64().unwrap() + 2);
        assert_ne!(before.cookies, ada.cookies, "another handle");
        // The handle before names the session for a minute, with the sign-in that it knew.
        let mut stale = before.copy();
        let answer = redeem(app, "web1", &stale.authorize(&[]).await.code()).await.1;
        assert_eq!(claims(&answer["id_token"])["auth_time"], old["auth_time"]);
        assert!(before.copy().authorize(&[("prompt", "login")]).await.is_page("Confirm it is you"));
        app.clock.advance_ms(60_000);
        assert!(before.copy().authorize(&[]).await.is_page("Sign in"));
        // Bob signs in in the same browser: everything of Ada's there ends.
        let form = ada.authorize(&[("prompt", "login")]).await;
        let answer = ada.sign_in(&form, "bob").await;
        let of_bob = redeem(app, "web1", &answer.code()).await.1;
        assert_ne!(claims(&of_bob["id_token"])["sid"], old["sid"]);
        let (status, refused) = refresh(app, "web1", renewed["refresh_token"].as_str().unwrap()).await;
        assert_eq!((status, &refused["error"]), (StatusCode::BAD_REQUEST, &"invalid_grant".into()));
    }
}

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
                assert!(
                    page.html.contains("<h1>Continue to <bdi translate=\"no\">native</bdi>?</h1>"),
                    "{}",
                    page.html
                );
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
async fn a_sign_out_ends_what_came_from_the_session_but_not_what_stays_connected() {
    for app in &apps().await {
        let mut ada = Person::new(app);
        let form = ada.authorize(&[]).await;
        let bound = redeem(app, "web1", &ada.sign_in(&form, "ada").await.code()).await.1;
        let offline = ada.authorize(&[("scope", "openid offline_access")]).await;
        let offline = redeem(app, "web1", &offline.code()).await.1;
        let pending = ada.authorize(&[]).await.code();
        let saved = ada.copy();
        assert!(ada.open("/logout").await.is_page("Sign out?"));
        assert!(!ada.authorize(&[]).await.code().is_empty(), "a page that is fetched changes nothing");
        let done = ada.post("/logout", &[]).await;
        assert!(ada.cookies.is_empty());
        assert!(ada.follow(done).await.is_page("You are signed out"));
        assert!(saved.copy().authorize(&[]).await.is_page("Sign in"), "the old cookie names nothing");
        let (status, refused) = redeem(app, "web1", &pending).await;
        assert_eq!((status, &refused["error"]), (StatusCode::BAD_REQUEST, &"invalid_grant".into()));
        let (status, refused) = refresh(app, "web1", bound["refresh_token"].as_str().unwrap()).await;
        assert_eq!((status, &refused["error"]), (StatusCode::BAD_REQUEST, &"invalid_grant".into()));
        let (status, kept) = refresh(app, "web1", offline["refresh_token"].as_str().unwrap()).await;
        assert_eq!(status, StatusCode::OK, "{kept}");
        assert_eq!(claims(&kept["id_token"])["sid"], claims(&offline["id_token"])["sid"]);
    }
}

#[tokio::test]
async fn a_session_ends_by_idleness_by_age_and_with_the_credentials() {
    for app in &apps().await {
        let mut ada = Person::new(app);
        ada.sign_in_bare("ada").await;
        // Nobody came back within ten minutes.
        app.clock.advance_ms(600_000);
        assert!(ada.authorize(&[]).await.is_page("Sign in"));

        let form = ada.authorize(&[]).await;
        let tokens = redeem(app, "web1", &ada.sign_in(&form, "ada").await.code()).await.1;
        let mut token = tokens["refresh_token"].as_str().unwrap().to_owned();
        // Refreshes of a client below it are uses of the session.
        for _ in 0..2 {
            app.clock.advance_ms(13 * 86_400_000);
            let (status, refreshed) = refresh(app, "web1", &token).await;
            assert_eq!(status, StatusCode::OK, "{refreshed}");
            refreshed["refresh_token"].as_str().unwrap().clone_into(&mut token);
        }
        assert!(!ada.authorize(&[]).await.code().is_empty());
        // 30 days after its opening it is over, and gives nothing more.
        app.clock.advance_ms(5 * 86_400_000);
        assert_eq!(refresh(app, "web1", &token).await.0, StatusCode::BAD_REQUEST);
        assert!(ada.authorize(&[]).await.is_page("Sign in"));

        let form = ada.authorize(&[]).await;
        let tokens = redeem(app, "web1", &ada.sign_in(&form, "ada").await.code()).await.1;
        app.clock.advance_ms(15 * 86_400_000);
        let idle = refresh(app, "web1", tokens["refresh_token"].as_str().unwrap()).await.1;
        assert_eq!(idle["error"], "invalid_grant");
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
        let neutral = |shown: &crate::helpers::person::Shown, name: &str| {
            shown.html.replace(shown.request(), "").replace(name, "")
        };
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
