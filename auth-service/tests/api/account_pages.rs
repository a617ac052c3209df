//! `/account/sessions` and `/account/applications`. S01, S02, and R49 as far as lists of sessions are concerned.

use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::helpers::person::{OWN_ORIGIN, Person, Shown};
use crate::helpers::sign_in::{apps, claims, redeem};
use crate::helpers::sign_out::{is_refused, is_signed_in, sign_out, signed_in};
use crate::helpers::{PASSWORD, both};

const SESSIONS: &str = "/account/sessions";
const APPLICATIONS: &str = "/account/applications";

fn sid(tokens: &Value) -> String {
    claims(&tokens["id_token"])["sid"].as_str().unwrap().to_owned()
}

/// The values of the buttons with this name.
fn buttons<'a>(page: &'a Shown, name: &str) -> Vec<&'a str> {
    let mark = format!(r#"name="{name}" value=""#);
    page.html.split(mark.as_str()).skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

/// Presses a button of a list, and follows.
async fn press(person: &mut Person<'_>, path: &str, name: &str, value: &str) -> Shown {
    let posted = person.post(path, &[(name, value)]).await;
    assert_eq!(posted.status, StatusCode::SEE_OTHER, "{}", posted.html);
    person.follow(posted).await
}

/// S01, with a jar for each browser.
#[tokio::test]
async fn a_person_signs_out_one_browser_or_all_others_and_the_list_tells_the_truth() {
    for app in &apps().await {
        let (mut one, of_one) = signed_in(app, "ada").await;
        let (two, of_two) = signed_in(app, "ada").await;
        let (three, of_three) = signed_in(app, "ada").await;
        let (bob, of_bob) = signed_in(app, "bob").await;
        let page = one.open(SESSIONS).await;
        assert!(page.is_page("Where you are signed in"), "{}", page.html);
        assert_eq!(page.html.matches("This device<").count(), 1);
        assert_eq!(page.html.matches("Opened with it: <strong><bdi translate=\"no\">web1</bdi>").count(), 3);
        let (mut found, mut expected) =
            (buttons(&page, "session"), vec![sid(&of_two), sid(&of_three), "others".to_owned()]);
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "not the own one, and nobody else's");

        let page = press(&mut one, SESSIONS, "session", &sid(&of_two)).await;
        assert!(
            page.html.contains("</bdi> is signed out.") && page.html.contains("autofocus"),
            "{}",
            page.html
        );
        assert!(!buttons(&page, "session").contains(&sid(&of_two).as_str()));
        assert!(two.copy().authorize(&[]).await.is_page("Sign in") && is_refused(app, "web1", &of_two).await);
        assert!(is_signed_in(&one).await && is_signed_in(&three).await);
        assert!(!is_refused(app, "web1", &of_three).await);
        // Another person's session is nobody's to end, and its end is not claimed.
        let page = press(&mut one, SESSIONS, "session", &sid(&of_bob)).await;
        assert!(!page.html.contains("is signed out."), "{}", page.html);
        assert!(is_signed_in(&bob).await && !is_refused(app, "web1", &of_bob).await);
        for nonsense in ["", "x", "%00", "\0"] {
            assert!(press(&mut one, SESSIONS, "session", nonsense).await.is_page("Where you are signed in"));
        }

        let front_end = app.login("ada").await;
        let page = press(&mut one, SESSIONS, "session", "others").await;
        assert!(page.html.contains("You are signed in on this device only."), "{}", page.html);
        assert!(buttons(&page, "session").is_empty());
        assert!(!is_signed_in(&three).await && is_refused(app, "web1", &of_three).await);
        assert!(!app.is_live(&front_end.access).await);
        assert!(
            is_signed_in(&one).await && !is_refused(app, "web1", &of_one).await,
            "what is below stays, too"
        );
        // R49: what was signed out elsewhere is not listed. Nor is a notice shown for what still lives.
        let (other, of_other) = signed_in(app, "ada").await;
        let address = format!("{SESSIONS}?ended={}", sid(&of_other));
        assert!(!one.open(&address).await.html.contains("is signed out."));
        sign_out(&other).await;
        assert!(buttons(&one.open(SESSIONS).await, "session").is_empty());
        // The own session: a sign-out of this browser.
        let page = press(&mut one, SESSIONS, "session", &sid(&of_one)).await;
        assert!(page.is_page("You are signed out") && one.has_signed_out());
        assert!(is_refused(app, "web1", &of_one).await);
        for path in [SESSIONS, APPLICATIONS] {
            assert_eq!(one.open(path).await.location.as_deref(), Some("/login"));
            assert_eq!(one.post(path, &[("session", "others")]).await.location.as_deref(), Some("/login"));
        }
    }
}

/// S02: what stays connected is said after the sign-out, listed, and ends when it is disconnected.
#[tokio::test]
async fn an_application_that_stays_connected_is_named_and_can_be_disconnected() {
    for app in &apps().await {
        let mut ada = Person::new(app);
        let changes = [("client_id", "third"), ("scope", "openid profile offline_access")];
        let form = ada.authorize(&changes).await;
        let consent = ada.sign_in(&form, "ada").await;
        let offline = redeem(app, "third", &ada.decide(&consent, "allow").await.code()).await.1;
        let bound = ada.authorize(&[("client_id", "third"), ("scope", "openid")]).await.code();
        let bound = redeem(app, "third", &bound).await.1;
        let done = ada.post("/logout", &[]).await;
        let page = ada.follow(done).await;
        assert!(page.is_page("You are signed out"), "{}", page.html);
        let named =
            "Still connected, until you disconnect them: <strong><bdi translate=\"no\">Third</bdi></strong>.";
        assert!(page.html.contains(named), "{}", page.html);
        assert!(is_refused(app, "third", &bound).await && !is_refused(app, "third", &offline).await);
        // Its address stays in the browser's history, but names nobody's applications for long.
        let request = page.html.split("request=").nth(1).unwrap().split('&').next().unwrap();
        let address = format!("/logout?request={request}");
        assert!(ada.open(&address).await.html.contains("Third"));
        app.clock.advance_ms(600_001);
        let later = ada.open(&address).await;
        assert!(later.is_page("You are signed out") && !later.html.contains("Third"), "{}", later.html);

        ada.sign_in_bare("ada").await;
        let page = ada.open(APPLICATIONS).await;
        assert!(page.is_page("Connected applications"), "{}", page.html);
        for text in [
            "Third",
            "Know who you are",
            "See your profile",
            "Stay connected",
            "Allowed on",
            "14 November 2023",
        ] {
            assert!(page.html.contains(text), "{text}: {}", page.html);
        }
        assert_eq!(buttons(&page, "client_id"), ["third"]);
        // In the list of sessions it stands on its own, because its browser session is over.
        let sessions = ada.open(SESSIONS).await;
        assert!(sessions.html.contains("<bdi translate=\"no\">Third</bdi>"), "{}", sessions.html);
        let page = press(&mut ada, APPLICATIONS, "client_id", "third").await;
        assert!(page.html.contains("</bdi> is disconnected. It has to ask you again."), "{}", page.html);
        assert!(
            page.html.contains("No application has access yet") && buttons(&page, "client_id").is_empty()
        );
        assert!(is_refused(app, "third", &offline).await);
        let asked = ada.authorize(&[("client_id", "third"), ("scope", "openid")]).await;
        assert!(asked.is_page("Allow access to your account?"), "{}", asked.html);
        for nonsense in ["", "nobody", "first-party", "\0", "a b"] {
            let page = press(&mut ada, APPLICATIONS, "client_id", nonsense).await;
            assert!(
                page.is_page("Connected applications") && !page.html.contains("is disconnected"),
                "{nonsense}"
            );
        }
        // An application of the product itself is signed out of instead.
        let web1 = ada.authorize(&[]).await.code();
        let web1 = redeem(app, "web1", &web1).await.1;
        let page = ada.open(APPLICATIONS).await;
        assert!(
            page.html.contains("Part of Latchkey") && !page.html.contains("Disconnect<"),
            "{}",
            page.html
        );
        let page = press(&mut ada, APPLICATIONS, "client_id", "web1").await;
        assert!(page.html.contains("<bdi translate=\"no\">web1</bdi> is signed out."), "{}", page.html);
        assert!(is_refused(app, "web1", &web1).await && is_signed_in(&ada).await);
    }
}

#[tokio::test]
async fn a_session_is_described_and_in_german_too() {
    for app in both().await {
        app.register("ada").await;
        let login = app.post("/login").form(&[("username", "ada"), ("password", PASSWORD)]);
        let login = login.header("origin", OWN_ORIGIN).header(
            "user-agent",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
        );
        assert_eq!(login.send().await.unwrap().status(), StatusCode::SEE_OTHER);
        app.clock.advance_ms(300_000);
        let mut ada = Person::new(&app);
        ada.sign_in_bare("ada").await;
        let page = ada.open(SESSIONS).await;
        for text in [
            "<bdi>Safari on iPhone</bdi>",
            "Last used 5 minutes ago",
            "127.0.0.1",
            "Signed in <time datetime=\"2023-11-14T22:13:20.000Z\">14 November 2023, 22:13 UTC</time>",
            "In use now",
            "A device that we do not know",
        ] {
            assert!(page.html.contains(text), "{text}: {}", page.html);
        }
        let german = ada.open(&format!("{SESSIONS}?ui_locales=de")).await;
        for text in [
            "Wo Sie angemeldet sind",
            "vor 5 Minuten",
            "14. November 2023, 22:13 UTC",
            "Überall sonst abmelden",
        ] {
            assert!(german.html.contains(text), "{text}: {}", german.html);
        }
    }
}

/// A page of the account that is opened is a use of the session, and so are the pages of the list.
#[tokio::test]
async fn pages_that_are_opened_keep_the_session_alive_and_lists_go_on() {
    for app in both().await {
        app.register("ada").await;
        let mut ada = Person::new(&app);
        ada.sign_in_bare("ada").await;
        for _ in 0..3 {
            app.clock.advance_ms(540_000);
            assert_eq!(ada.open("/account").await.status, StatusCode::OK);
        }
        app.clock.advance_ms(14 * 86_400_000);
        assert_eq!(ada.open("/account").await.status, StatusCode::OK, "a minute is left");
        let front_end = app.login("ada").await;
        app.add_sessions(&front_end, 60).await;
        let first = ada.open(SESSIONS).await;
        assert_eq!(buttons(&first, "session").len(), 51, "50 of them, and all others");
        let next =
            first.html.split("href=\"").find(|rest| rest.starts_with("/account/sessions?after=")).unwrap();
        let second = ada.open(next.split('"').next().unwrap()).await;
        let mut all: Vec<_> = buttons(&first, "session");
        all.extend(buttons(&second, "session"));
        all.retain(|id| *id != "others");
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 61, "each of the front end's sessions once");
        assert!(!second.html.contains("after="));
        assert!(ada.open(&format!("{SESSIONS}?after=nonsense")).await.is_page("Where you are signed in"));
        // The sign-in is too old for a change.
        ada.sign_in_bare("ada").await;
        let page = press(&mut ada, SESSIONS, "session", "others").await;
        assert!(page.html.contains("You are signed in on this device only."));
        let refused =
            app.request(Method::POST, SESSIONS).header("origin", "https://evil.example").send().await;
        assert_eq!(refused.unwrap().status(), StatusCode::FORBIDDEN);
    }
}
