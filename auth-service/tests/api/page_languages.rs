//! The language of the pages: the person's choice, then what the application asks for, then what the browser prefers.

use auth_service::config::DescribedScope;
use auth_service::domain::Client;
use reqwest::StatusCode;
use shared_claims::scope::Scopes;

use crate::helpers::clients::client;
use crate::helpers::person::{Person, Shown, request};
use crate::helpers::{TestApp, both, both_with};

const ENGLISH: &str = "Sign in";
const GERMAN: &str = "Anmelden";

async fn with_client(app: TestApp) -> TestApp {
    app.register("ada").await;
    app.add_client(Client { is_first_party: true, ..client("web1") }).await;
    app
}

fn language(shown: &Shown) -> &str {
    shown.headers["content-language"].to_str().unwrap()
}

/// Fails if the page is not in this language.
fn check(shown: &Shown, lang: &str, heading: &str) {
    assert_eq!(language(shown), lang);
    assert!(shown.is_page(heading), "{}", shown.html);
    assert!(shown.html.contains(&format!("<html lang=\"{lang}\"")));
}

/// The address of the link to the page in this language.
fn link_to(shown: &Shown, lang: &str) -> String {
    let (before, _) = shown.html.split_once(&format!("\" lang=\"{lang}\" hreflang")).unwrap();
    before.rsplit_once("href=\"").unwrap().1.replace("&#38;", "&")
}

#[tokio::test]
async fn without_a_choice_the_application_counts_and_then_the_browser() {
    for app in both().await {
        let app = with_client(app).await;
        for (languages, ui_locales, lang) in [
            ("", "", "en"),
            ("fr-CA, se", "", "en"),
            ("de-AT,de;q=0.9,en;q=0.8", "", "de"),
            ("de;q=0.2,en;q=0.1", "", "de"),
            ("de", "fr en-GB de", "en"),
            ("en", "fr de-CH", "de"),
            ("de", "fr", "de"),
        ] {
            let mut person = Person { languages, ..Person::new(&app) };
            let form = person.authorize(&[("ui_locales", ui_locales)]).await;
            check(&form, lang, if lang == "de" { GERMAN } else { ENGLISH });
            // The form that is shown again is in the same language.
            let fields = [("request", form.request()), ("username", "ada"), ("password", "wrong")];
            let again = person.post("/login", &fields).await;
            assert_eq!((again.status, language(&again)), (StatusCode::UNPROCESSABLE_ENTITY, lang));
            // What an application asks for is not remembered.
            assert!(person.cookies.is_empty(), "{:?}", person.cookies);
        }
    }
}

#[tokio::test]
async fn a_choice_is_remembered_and_comes_first() {
    for app in both().await {
        let app = with_client(app).await;
        let mut person = Person { languages: "en", ..Person::new(&app) };
        let form = person.authorize(&[("ui_locales", "en")]).await;
        check(&form, "en", ENGLISH);
        let chosen = person.open(&link_to(&form, "de")).await;
        check(&chosen, "de", GERMAN);
        let cookie = chosen.headers["set-cookie"].to_str().unwrap();
        assert_eq!(cookie, "lang=de; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=31536000");
        // The pending sign-in is the same.
        let done = person.sign_in(&chosen, "ada").await;
        assert_eq!(done.received("state").as_deref(), Some("xyz12345"));

        // From now on German, whatever application and browser ask for; and the cookie is not set again.
        for path in ["/login?ui_locales=de", "/account", "/logout"] {
            let shown = person.open(path).await;
            assert_eq!((language(&shown), shown.headers.get("set-cookie")), ("de", None), "{path}");
        }
        let form = person.authorize(&[("ui_locales", "en"), ("prompt", "login")]).await;
        check(&form, "de", "Bestätigen Sie, dass Sie es sind");
        // A choice that there is none of changes nothing.
        let other = person.open("/login?ui_locales=fr").await;
        assert_eq!((language(&other), other.headers.get("set-cookie")), ("de", None));
        let back = person.open(&link_to(&form, "en")).await;
        check(&back, "en", "Confirm it is you");
        assert_eq!(person.cookies["lang"], "en");
        person.cookies.insert("lang".to_owned(), "xx".to_owned());
        assert_eq!(language(&person.open("/account").await), "en");
    }
}

#[tokio::test]
async fn use_another_account_is_still_that_in_another_language() {
    for app in both().await {
        let app = with_client(app).await;
        let mut person = Person::new(&app);
        person.sign_in_bare("ada").await;
        let form = person.authorize(&[("prompt", "login")]).await;
        check(&form, "en", "Confirm it is you");
        let other = person.open(&format!("/login?request={}&prompt=other", form.request())).await;
        check(&other, "en", ENGLISH);
        let other = person.open(&link_to(&other, "de")).await;
        check(&other, "de", GERMAN);
        assert!(!other.html.contains("ada"), "{}", other.html);
    }
}

#[tokio::test]
async fn errors_and_redirects_keep_the_language() {
    for app in both().await {
        let app = with_client(app).await;
        let mut person = Person::new(&app);
        let bad = request(&[("client_id", "nobody"), ("ui_locales", "de")]);
        let shown = person.open(&format!("/oauth2/authorize?{bad}")).await;
        assert_eq!(shown.status, StatusCode::BAD_REQUEST);
        check(&shown, "de", "Dieser Link funktioniert nicht");
        let posted = app.client.post(format!("{}/oauth2/authorize", app.url)).body(bad);
        let posted = posted.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap();
        assert_eq!(posted.headers()["content-language"], "de");
        assert!(person.cookies.is_empty(), "{:?}", person.cookies);

        // The redirect to the sign-in keeps the choice, too.
        let redirected = person.open("/consent?request=nonsense&ui_locales=de").await;
        assert_eq!(redirected.status, StatusCode::SEE_OTHER);
        check(&person.follow(redirected).await, "de", GERMAN);
        let foreign = app.client.post(format!("{}/login", app.url)).header("cookie", "lang=de");
        let foreign = foreign.header("origin", "https://evil.example").send().await.unwrap();
        assert_eq!(foreign.status(), StatusCode::FORBIDDEN);
        assert!(foreign.text().await.unwrap().contains("Dieses Formular wurde nicht angenommen"));
    }
}

#[tokio::test]
async fn scopes_are_described_in_the_language_of_the_page() {
    for app in both_with(|settings| {
        settings.scopes = vec![
            DescribedScope {
                name: "profile".to_owned(),
                title: "See your card".to_owned(),
                sentence: Some("Its front.".to_owned()),
                title_de: Some("Deine Karte sehen".to_owned()),
                sentence_de: Some("Ihre Vorderseite.".to_owned()),
            },
            DescribedScope {
                name: "email".to_owned(),
                title: "Write to you".to_owned(),
                sentence: None,
                title_de: None,
                sentence_de: None,
            },
        ];
    })
    .await
    {
        app.register("ada").await;
        let scopes = Scopes::parse("openid profile email").unwrap();
        app.add_client(Client { scopes, ..client("web1") }).await;
        let mut person = Person::new(&app);
        let form = person.authorize(&[("scope", "openid profile email"), ("ui_locales", "de")]).await;
        let consent = person.sign_in(&form, "ada").await;
        check(&consent, "de", "Zugriff auf Ihr Konto erlauben?");
        for text in ["Wissen, wer Sie sind", "Deine Karte sehen", "Ihre Vorderseite.", "Write to you"] {
            assert!(consent.html.contains(text), "{text}: {}", consent.html);
        }
        let english = person.open(&link_to(&consent, "en")).await;
        check(&english, "en", "Allow access to your account?");
        for text in ["See your card", "Its front."] {
            assert!(english.html.contains(text), "{text}: {}", english.html);
        }
        let allowed = person.decide(&english, "allow").await;
        assert_eq!(allowed.received("state").as_deref(), Some("xyz12345"));
    }
}
