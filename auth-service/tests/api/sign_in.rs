//! People sign in on the hosted pages, and applications get codes (OpenID Connect Core §3.1).

use auth_service::config::{DescribedScope, Settings};
use auth_service::domain::Client;
use reqwest::StatusCode;
use shared_claims::scope::Scopes;

use crate::helpers::both_with;
use crate::helpers::clients::client;
use crate::helpers::person::{OWN_ORIGIN, Person};
use crate::helpers::sign_in::{apps, claims, redeem, refresh};

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
        for path in ["/login", "/login?request=nonsense", "/login?request=a&request=b&x=%ff", &address[..40]]
        {
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
        assert!(ada.has_signed_out());
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
async fn the_consent_page_describes_scopes_in_the_operators_words() {
    let described = |settings: &mut Settings| {
        settings.scopes = vec![
            DescribedScope {
                name: "invoices:read".to_owned(),
                title: "See <your> invoices".to_owned(),
                sentence: Some("Amounts and dates.".to_owned()),
                title_de: Some("Deine Rechnungen sehen".to_owned()),
                sentence_de: None,
            },
            DescribedScope {
                name: "profile".to_owned(),
                title: "See your staff card".to_owned(),
                sentence: None,
                title_de: None,
                sentence_de: None,
            },
        ];
    };
    for app in both_with(described).await {
        app.register("ada").await;
        let scopes = Scopes::parse("openid profile invoices:read invoices:write").unwrap();
        app.add_client(Client { scopes, ..client("web1") }).await;
        let mut ada = Person::new(&app);
        let form = ada.authorize(&[("scope", "openid profile invoices:read invoices:write")]).await;
        let page = ada.sign_in(&form, "ada").await;
        assert!(page.is_page("Allow access to your account?"), "{}", page.html);
        for words in ["Amounts and dates.", "See your staff card", "Know who you are", "invoices:write"] {
            assert!(page.html.contains(words), "{words}: {}", page.html);
        }
        assert!(page.html.contains(" invoices") && !page.html.contains("See <your>"), "{}", page.html);
        assert!(!page.html.contains("See your profile") && !page.html.contains("Rechnungen"));
    }
}
