//! Clients send people to `/oauth2/logout` (OpenID Connect RP-Initiated Logout 1.0). B29, and R46, R48 and R49.

use auth_service::domain::signing_key::RotationStart;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::StatusCode;
use serde_json::{Value, json};
use shared_claims::testing::TestKey;

use crate::helpers::claims_of;
use crate::helpers::person::{OWN_ORIGIN, Person};
use crate::helpers::sign_in::{claims, redeem};
use crate::helpers::sign_out::{
    BACK, WITH_QUERY, apps_with_logout, asks, hint, is_refused, is_signed_in, is_signed_out_page, logout,
    press, sign_out, signed_in,
};

#[tokio::test]
async fn a_valid_hint_signs_out_without_a_question_and_leads_back_with_the_state() {
    let odd = "~ä✓ &=+%?#/\\\"'<>;:@[]{}|^`\r\n".repeat(8);
    for app in &apps_with_logout().await {
        for state in [None, Some("xyz"), Some(odd.as_str())] {
            let (mut ada, tokens) = signed_in(app, "ada").await;
            // Expired long ago.
            app.clock.advance_ms(7_200_000);
            let mut parameters = vec![("id_token_hint", hint(&tokens)), ("post_logout_redirect_uri", BACK)];
            parameters.extend(state.map(|state| ("state", state)));
            let saved = ada.copy();
            let done = ada.open(&logout(&parameters)).await;
            assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.html);
            assert_eq!(done.received("state").as_deref(), state);
            assert!(done.location.as_deref().unwrap().starts_with(BACK));
            assert_eq!(done.location.as_deref() == Some(BACK), state.is_none());
            assert!(ada.has_signed_out(), "the cookie is gone");
            // R49: the row is gone, and not the cookie alone.
            assert!(!is_signed_in(&saved).await);
            assert!(is_refused(app, "web1", &tokens).await);
        }
    }
}

#[tokio::test]
async fn a_hint_of_a_key_that_signs_no_more_counts_and_one_of_a_compromised_key_does_not() {
    for app in &apps_with_logout().await {
        let (mut ada, tokens) = signed_in(app, "ada").await;
        let (mut bob, of_bob) = signed_in(app, "bob").await;
        for _ in 0..2 {
            app.rotation().rotate(RotationStart::AtOnce).await.unwrap();
            app.clock.advance_ms(1_500);
        }
        let done = ada.open(&logout(&[("id_token_hint", hint(&tokens))])).await;
        assert!(is_signed_out_page(&done) && ada.has_signed_out(), "{}", done.html);

        let header = URL_SAFE_NO_PAD.decode(hint(&of_bob).split('.').next().unwrap()).unwrap();
        let header: Value = serde_json::from_slice(&header).unwrap();
        app.rotation().revoke_compromised(header["kid"].as_str().unwrap().to_owned()).await.unwrap();
        app.clock.advance_ms(1_500);
        let parameters = [("id_token_hint", hint(&of_bob)), ("post_logout_redirect_uri", BACK)];
        assert!(asks(&bob.open(&logout(&parameters)).await));
        assert!(is_signed_in(&bob).await);
    }
}

/// R46: a key is published for minutes after it signed last, but a person is signed in for weeks.
#[tokio::test]
async fn a_hint_counts_long_after_its_key_has_left_the_key_set() {
    for app in &apps_with_logout().await {
        let kid_of = |tokens: &Value| {
            let header = URL_SAFE_NO_PAD.decode(hint(tokens).split('.').next().unwrap()).unwrap();
            let header: Value = serde_json::from_slice(&header).unwrap();
            header["kid"].as_str().unwrap().to_owned()
        };
        let (mut ada, tokens) = signed_in(app, "ada").await;
        let (mut bob, of_bob) = signed_in(app, "bob").await;
        app.rotation().rotate(RotationStart::AtOnce).await.unwrap();
        app.clock.advance_ms(13 * 86_400_000);
        app.rotation().apply_due_steps().await.unwrap();
        app.clock.advance_ms(1_500);
        let kid = kid_of(&tokens);
        assert!(
            !app.published().await.contains(&kid)
                && !app.stored_keys().await.iter().any(|key| key.kid == kid)
        );
        let parameters = [("id_token_hint", hint(&tokens)), ("post_logout_redirect_uri", BACK)];
        assert_eq!(ada.open(&logout(&parameters)).await.location.as_deref(), Some(BACK));
        assert!(ada.has_signed_out());
        // An access token of that time is nothing.
        assert!(!app.is_live(tokens["access_token"].as_str().unwrap()).await);
        // A key that turns out to be stolen after it has left the set verifies no hint any more.
        app.rotation().revoke_compromised(kid).await.unwrap();
        assert!(asks(&bob.open(&logout(&[("id_token_hint", hint(&of_bob))])).await));
        // A key id that can be none.
        let claims = claims_of(hint(&of_bob));
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": "\0" }).to_string();
        let odd = TestKey::shared(0).token(OWN_ORIGIN, "web1", &*app.clock).raw_header(header);
        let odd = odd.raw_claims(claims.to_string()).sign();
        assert!(asks(&bob.open(&logout(&[("id_token_hint", &odd)])).await));
    }
}

/// B29: everything but a valid hint of this session shows a page that asks, and its button signs out.
#[tokio::test]
async fn anything_else_asks_and_ends_nothing_until_the_button_is_pressed() {
    for app in &apps_with_logout().await {
        let (mut before, of_last_week) = signed_in(app, "ada").await;
        assert_eq!(
            before.open(&logout(&[("id_token_hint", hint(&of_last_week))])).await.status,
            StatusCode::OK
        );
        app.clock.advance_ms(7 * 86_400_000);
        let (bob, of_bob) = signed_in(app, "bob").await;
        let (ada, tokens) = signed_in(app, "ada").await;
        let (key, own) = (app.signing_key("active").await, claims_of(hint(&tokens)));
        let with = |claim: &str, value: Value| {
            let mut claims = own.clone();
            claims[claim] = value;
            key.sign_as("JWT", &claims).unwrap()
        };
        let parts: Vec<_> = hint(&tokens).split('.').collect();
        let unsigned = URL_SAFE_NO_PAD.encode(json!({ "alg": "none", "typ": "JWT" }).to_string());
        let mut flipped = hint(&tokens).to_owned().into_bytes();
        let at = flipped.len() - 20;
        flipped[at] = if flipped[at] == b'A' { b'B' } else { b'A' };
        let flipped = String::from_utf8(flipped).unwrap();
        assert!(key.sign_as("JWT", &own).unwrap().starts_with(parts[0]), "the key is the issuer's");
        let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
        let by_another_key = TestKey::shared(0).token(OWN_ORIGIN, "web1", &*app.clock);
        let by_another_key =
            by_another_key.raw_header(decoded(parts[0])).raw_claims(decoded(parts[1])).sign();
        let hints = [
            ("another key", by_another_key),
            ("last week's session", hint(&of_last_week).to_owned()),
            ("another person", hint(&of_bob).to_owned()),
            ("alg none", format!("{unsigned}.{}.", parts[1])),
            ("a bit flipped", flipped),
            ("an access token", tokens["access_token"].as_str().unwrap().to_owned()),
            ("a logout token", key.sign_as("logout+jwt", &own).unwrap()),
            ("another issuer", with("iss", json!("https://other.example"))),
            ("no session", with("sid", Value::Null)),
            ("another person's session", with("sid", claims_of(hint(&of_bob))["sid"].clone())),
            ("another person, this session", with("sub", claims_of(hint(&of_bob))["sub"].clone())),
            ("several audiences", with("aud", json!(["web1", "web2"]))),
            ("nonsense", "nonsense".to_owned()),
        ];
        let hinted = |hint: &str| vec![("id_token_hint".to_owned(), hint.to_owned())];
        let mut requests: Vec<_> = hints.iter().map(|(name, hint)| (*name, hinted(hint))).collect();
        let mut foreign = hinted(hint(&tokens));
        foreign.push(("client_id".to_owned(), "web2".to_owned()));
        requests.push(("another client", foreign));
        requests.push(("nothing", Vec::new()));
        requests.push(("an empty hint", hinted("")));
        requests.push(("a bare client_id", vec![("client_id".to_owned(), "web1".to_owned())]));
        requests.push(("a state alone", vec![("state".to_owned(), "xyz".to_owned())]));
        for (name, request) in requests {
            let pairs: Vec<_> = request.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let page = ada.copy().open(&logout(&pairs)).await;
            assert!(asks(&page), "{name}: {} {:?} {}", page.status, page.location, page.html);
            assert!(!page.html.contains(&parts[2][..20]), "{name}: the page does not repeat the hint");
        }
        assert!(
            is_signed_in(&ada).await && is_signed_in(&bob).await && !is_refused(app, "web1", &tokens).await
        );
        let (mut ada, saved) = (ada.copy(), ada.copy());
        let page = ada.open("/oauth2/logout").await;
        let done = press(&mut ada, &page).await;
        assert_eq!(done.status, StatusCode::SEE_OTHER);
        assert!(is_signed_out_page(&ada.follow(done).await) && ada.has_signed_out());
        assert!(!is_signed_in(&saved).await && is_signed_in(&bob).await);
    }
}

/// R48: nobody has to sign in to be signed out, and nobody is asked who is not signed in.
#[tokio::test]
async fn where_nobody_is_signed_in_there_is_no_question() {
    for app in &apps_with_logout().await {
        let (ada, tokens) = signed_in(app, "ada").await;
        let mut nobody = Person::new(app);
        let named = [("client_id", "web1"), ("post_logout_redirect_uri", BACK), ("state", "q")];
        assert_eq!(nobody.open(&logout(&named)).await.location.unwrap(), format!("{BACK}?state=q"));
        let hinted =
            [("id_token_hint", hint(&tokens)), ("post_logout_redirect_uri", WITH_QUERY), ("state", "q")];
        assert_eq!(nobody.open(&logout(&hinted)).await.location.unwrap(), format!("{WITH_QUERY}&state=q"));
        for path in ["/oauth2/logout", "/logout", "/logout?request=nonsense", &logout(&[("state", "q")])] {
            assert!(is_signed_out_page(&nobody.open(path).await), "{path}");
        }
        let flipped =
            logout(&[("id_token_hint", "a.b.c"), ("client_id", "web1"), ("post_logout_redirect_uri", BACK)]);
        assert_eq!(nobody.open(&flipped).await.location.as_deref(), Some(BACK));
        // Without the session's cookie a hint is no credential: nothing has ended.
        assert!(is_signed_in(&ada).await && !is_refused(app, "web1", &tokens).await);
        // The cookie of a session that is over is deleted.
        let mut stale = ada.copy();
        sign_out(&ada).await;
        assert!(is_signed_out_page(&stale.open("/oauth2/logout").await) && stale.has_signed_out());
    }
}

/// S02 and B29: what stays connected is named, and ends only if its client itself asks for the sign-out.
#[tokio::test]
async fn offline_access_outlives_a_sign_out_unless_a_valid_hint_of_its_client_came() {
    for app in &apps_with_logout().await {
        // Who asks, whether that ends the offline session of web1, and whether the button has to be pressed.
        for (asked_by, ends, is_asked) in [
            ("web1", true, false),
            ("web2", false, false),
            ("client_id", false, true),
            ("planted", false, true),
        ] {
            let (mut ada, bound) = signed_in(app, "ada").await;
            let offline = ada.authorize(&[("scope", "openid offline_access")]).await;
            let offline = redeem(app, "web1", &offline.code()).await.1;
            let of_web2 = ada.authorize(&[("client_id", "web2")]).await;
            let of_web2 = redeem(app, "web2", &of_web2.code()).await.1;
            let (_, of_bob) = signed_in(app, "bob").await;
            let path = match asked_by {
                "web1" => logout(&[("id_token_hint", hint(&bound))]),
                "web2" => logout(&[("id_token_hint", hint(&of_web2))]),
                "planted" => logout(&[("id_token_hint", hint(&of_bob))]),
                _ => logout(&[("client_id", "web1")]),
            };
            let mut done = ada.open(&path).await;
            assert_eq!(asks(&done), is_asked, "{asked_by}");
            if is_asked {
                let pressed = press(&mut ada, &done).await;
                done = ada.follow(pressed).await;
            }
            assert!(is_signed_out_page(&done), "{asked_by}: {}", done.html);
            assert_eq!(done.html.contains("Still connected"), !ends, "{asked_by}: {}", done.html);
            assert_eq!(is_refused(app, "web1", &offline).await, ends, "{asked_by}");
            assert!(is_refused(app, "web1", &bound).await && is_refused(app, "web2", &of_web2).await);
            assert_eq!(claims(&bound["id_token"])["sid"], claims(&offline["id_token"])["sid"]);
        }
    }
}

/// R46 and R49: by POST, which RP-Initiated Logout §2 requires.
#[tokio::test]
async fn a_request_may_be_posted_from_another_site() {
    for app in &apps_with_logout().await {
        let (mut ada, tokens) = signed_in(app, "ada").await;
        let post = async |fields: &[(&str, &str)]| {
            let post = app.client.post(format!("{}/oauth2/logout", app.url)).form(fields);
            post.header("origin", "https://rp.example")
                .header("sec-fetch-site", "cross-site")
                .send()
                .await
                .unwrap()
        };
        let state = "ß".repeat(300);
        let fields =
            [("id_token_hint", hint(&tokens)), ("post_logout_redirect_uri", BACK), ("state", &state)];
        let kept = post(&fields).await;
        assert_eq!(kept.status(), StatusCode::SEE_OTHER);
        assert!(kept.headers().get("access-control-allow-origin").is_none());
        let path = kept.headers()["location"].to_str().unwrap().to_owned();
        assert!(path.starts_with("/logout?request="), "{path}");
        assert!(is_signed_in(&ada).await, "judged when the cookie comes along");
        assert_eq!(ada.open(&path).await.received("state"), Some(state));
        assert!(!is_signed_in(&ada).await && is_refused(app, "web1", &tokens).await);
        // Without a hint: the page that asks.
        let (mut ada, _) = signed_in(app, "ada").await;
        let path = post(&[]).await.headers()["location"].to_str().unwrap().to_owned();
        assert!(asks(&ada.open(&path).await) && is_signed_in(&ada).await);
        // The page's own form must come from the issuer's origin.
        let foreign = app.client.post(format!("{}/logout", app.url)).header("origin", "https://rp.example");
        let foreign = foreign.header("cookie", format!("__Host-session={}", ada.cookies["__Host-session"]));
        assert_eq!(foreign.send().await.unwrap().status(), StatusCode::FORBIDDEN);
        assert!(is_signed_in(&ada).await);
    }
}

#[tokio::test]
async fn what_cannot_be_read_gets_a_page_and_ends_nothing() {
    for app in &apps_with_logout().await {
        let (mut ada, tokens) = signed_in(app, "ada").await;
        let hint = format!("id_token_hint={}", hint(&tokens));
        for query in [
            format!("{hint}&{hint}"),
            format!("{hint}&state=a&state=b"),
            format!("{hint}&post_logout_redirect_uri=a&post_logout_redirect_uri=b"),
            format!("{hint}&client_id=web1&client_id=web1"),
            format!("{hint}&state=%ff"),
            format!("{hint}&state={}", "x".repeat(9_000)),
        ] {
            let page = ada.open(&format!("/oauth2/logout?{query}")).await;
            assert_eq!(page.status, StatusCode::BAD_REQUEST, "{query}");
            assert!(page.is_page("This link does not work"));
            let post = app.client.post(format!("{}/oauth2/logout", app.url)).body(query);
            let post = post.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap();
            assert_eq!(post.status(), StatusCode::BAD_REQUEST);
        }
        let json =
            app.client.post(format!("{}/oauth2/logout", app.url)).json(&json!({})).send().await.unwrap();
        assert_eq!(json.status(), StatusCode::BAD_REQUEST);
        let twice = format!("__Host-session={0}; __Host-session={0}", ada.cookies["__Host-session"]);
        let twice = app.client.get(format!("{}/oauth2/logout?{hint}", app.url)).header("cookie", twice);
        assert_eq!(twice.send().await.unwrap().status(), StatusCode::BAD_REQUEST);
        let cookie = format!("__Host-session={}", ada.cookies["__Host-session"]);
        let head = app.client.head(format!("{}/oauth2/logout?{hint}", app.url)).header("cookie", cookie);
        assert_eq!(head.send().await.unwrap().status(), StatusCode::OK);
        assert!(is_signed_in(&ada).await, "nothing of it ended the session");
    }
}
