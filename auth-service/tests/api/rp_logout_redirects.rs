//! Where people go after a sign-out that a client asked for (OpenID Connect RP-Initiated Logout 1.0 §3). R47.

use reqwest::StatusCode;

use crate::helpers::sign_out::{
    BACK, WITH_QUERY, apps_with_logout, asks, hint, is_refused, is_signed_in, is_signed_out_page, logout,
    press, signed_in,
};

#[tokio::test]
async fn only_a_registered_redirect_uri_is_followed() {
    for app in &apps_with_logout().await {
        for (uri, is_registered) in [
            (BACK, true),
            (WITH_QUERY, true),
            ("http://127.0.0.1:52000/bye", true),
            ("https://app.example/bye?foo=bar", false),
            ("https://app.example/bye?from=latchkey&foo=bar", false),
            ("https://app.example/bye/", false),
            ("https://APP.example/bye", false),
            ("https://app.example:443/bye", false),
            ("https://app.example/cb", false),
            ("https://evil.example/", false),
            ("http://127.0.0.1:52000/bye?x", false),
            ("javascript:alert(1)", false),
            ("//evil.example", false),
            ("/account", false),
            ("https://app.example/bye\r\nX: y", false),
        ] {
            let (mut ada, tokens) = signed_in(app, "ada").await;
            let parameters = [("id_token_hint", hint(&tokens)), ("post_logout_redirect_uri", uri)];
            let done = ada.open(&logout(&parameters)).await;
            if is_registered {
                assert_eq!((done.status, done.location.as_deref()), (StatusCode::SEE_OTHER, Some(uri)));
            } else {
                assert!(is_signed_out_page(&done), "{uri}: {} {}", done.status, done.html);
                assert!(
                    done.location.is_none() && done.html.contains("a return address that we do not know"),
                    "{uri}"
                );
                assert!(
                    !done.html.contains("evil") && !done.html.contains("javascript"),
                    "the page does not repeat it"
                );
            }
            assert!(
                !is_signed_in(&ada).await && is_refused(app, "web1", &tokens).await,
                "{uri}: signed out all the same"
            );
        }
        // The person is asked, and then the URI counts for the client that is named.
        for (client_id, leads_back) in [("web1", true), ("web2", false), ("nobody", false), ("", false)] {
            let (mut ada, _) = signed_in(app, "ada").await;
            let parameters = [("client_id", client_id), ("post_logout_redirect_uri", BACK), ("state", "q r")];
            let page = ada.open(&logout(&parameters)).await;
            assert!(asks(&page), "{client_id}");
            let done = press(&mut ada, &page).await;
            assert_eq!(done.status, StatusCode::SEE_OTHER);
            let done = ada.follow(done).await;
            if leads_back {
                assert_eq!(done.location.unwrap(), format!("{BACK}?state=q%20r"));
            } else {
                assert!(
                    is_signed_out_page(&done) && done.html.contains("a return address that we do not know")
                );
            }
        }
        // A client that was disabled sends nobody anywhere.
        let (mut ada, tokens) = signed_in(app, "ada").await;
        app.change_client("web1", |client| client.is_active = false).await;
        let parameters = [("id_token_hint", hint(&tokens)), ("post_logout_redirect_uri", BACK)];
        assert!(is_signed_out_page(&ada.open(&logout(&parameters)).await) && ada.has_signed_out());
    }
}
