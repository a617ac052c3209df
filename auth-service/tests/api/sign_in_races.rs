//! The end of a browser session, while a code that came from it is being redeemed.

use auth_service::domain::Client;
use reqwest::StatusCode;
use serde_json::Value;

use crate::helpers::clients::{basic, client, secret_of};
use crate::helpers::codes::VERIFIER;
use crate::helpers::person::Person;
use crate::helpers::{TestApp, both};

async fn post_token(app: &TestApp, form: &[(&str, &str)]) -> (StatusCode, Value) {
    let request = app.client.post(format!("{}/oauth2/token", app.url)).form(form);
    let response = request.header("Authorization", basic("web1", &secret_of("web1"))).send().await.unwrap();
    (response.status(), response.json().await.unwrap())
}

#[tokio::test]
async fn a_code_that_is_redeemed_during_the_sign_out_gives_nothing_that_lives() {
    for app in both().await {
        app.register("ada").await;
        app.add_client(Client { is_first_party: true, ..client("web1") }).await;
        let (mut redeemed, mut refused) = (0, 0);
        for round in 0..24 {
            let mut ada = Person::new(&app);
            let form = ada.authorize(&[]).await;
            let code = ada.sign_in(&form, "ada").await.code();
            let exchange = [
                ("grant_type", "authorization_code"),
                ("code", code.as_str()),
                ("redirect_uri", "https://app.example/cb"),
                ("code_verifier", VERIFIER),
            ];
            let redeem = async {
                // Half of them a little later, so that both orders happen.
                if round % 2 == 0 {
                    tokio::task::yield_now().await;
                }
                post_token(&app, &exchange).await
            };
            let ((status, tokens), signed_out) = tokio::join!(redeem, ada.post("/logout", &[]));
            assert_eq!(signed_out.status, StatusCode::SEE_OTHER);
            if status != StatusCode::OK {
                assert_eq!(tokens["error"], "invalid_grant");
                refused += 1;
                continue;
            }
            redeemed += 1;
            let refresh = [
                ("grant_type", "refresh_token"),
                ("refresh_token", tokens["refresh_token"].as_str().unwrap()),
            ];
            let (status, answer) = post_token(&app, &refresh).await;
            assert_eq!((status, &answer["error"]), (StatusCode::BAD_REQUEST, &"invalid_grant".into()));
            let userinfo = app.client.get(format!("{}/oauth2/userinfo", app.url));
            let userinfo =
                userinfo.bearer_auth(tokens["access_token"].as_str().unwrap()).send().await.unwrap();
            assert_eq!(userinfo.status(), StatusCode::UNAUTHORIZED);
        }
        assert_eq!(redeemed + refused, 24);
    }
}
