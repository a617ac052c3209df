//! R42: what discovery lists works, and what it does not list gets a clear error.

use auth_service::domain::Client;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use shared_claims::scope::Scopes;

use crate::helpers::clients::{basic, client, public_client, refusal, secret_of};
use crate::helpers::person::Person;
use crate::helpers::sign_in::{apps, claims, redeem, refresh};
use crate::helpers::{PASSWORD, TestApp};

struct Discovery(Value);

impl Discovery {
    async fn of(app: &TestApp) -> Self {
        Self(app.get("/.well-known/openid-configuration").send().await.unwrap().json().await.unwrap())
    }

    fn list(&self, name: &str) -> Vec<&str> {
        self.0[name].as_array().unwrap().iter().map(|value| value.as_str().unwrap()).collect()
    }
}

/// A client that may have everything, and a person who is signed in.
async fn ready(app: &TestApp) -> Person<'_> {
    let every = "openid profile email address phone offline_access todos:read todos:write";
    let scopes = Scopes::parse(every).unwrap();
    app.add_client(Client { is_first_party: true, scopes, ..client("all") }).await;
    app.add_client(public_client("page")).await;
    let mut ada = Person::new(app);
    ada.sign_in_bare("ada").await;
    ada
}

#[tokio::test]
async fn each_listed_endpoint_exists_and_each_list_is_a_list() {
    for app in &apps().await {
        let document = Discovery::of(app).await.0;
        for (name, value) in document.as_object().unwrap() {
            if name.ends_with("_supported") {
                assert!(value.is_array() || value.is_boolean(), "{name}");
            }
            if name.ends_with("_endpoint") || name == "jwks_uri" {
                let path = value.as_str().unwrap().strip_prefix("http://localhost:8000").unwrap();
                let answers = [Method::GET, Method::POST].map(|method| app.request(method, path).send());
                for answer in answers {
                    assert_ne!(answer.await.unwrap().status(), StatusCode::NOT_FOUND, "{name}");
                }
            }
        }
    }
}

#[tokio::test]
async fn each_listed_grant_and_each_way_to_authenticate_gets_tokens() {
    for app in &apps().await {
        let (discovery, mut ada) = (Discovery::of(app).await, ready(app).await);
        let all = [("client_id", "all")];
        let (status, tokens) = redeem(app, "all", &ada.authorize(&all).await.code()).await;
        assert_eq!(status, StatusCode::OK, "{tokens}");
        let by_password = [("grant_type", "password"), ("username", "ada"), ("password", PASSWORD)];
        for grant in discovery.list("grant_types_supported") {
            let status = match grant {
                "authorization_code" => status,
                "refresh_token" => refresh(app, "all", tokens["refresh_token"].as_str().unwrap()).await.0,
                "client_credentials" => app.grant_to("all", &[("grant_type", grant)]).await.status(),
                "password" => app.grant_to("all", &by_password).await.status(),
                other => panic!("listed, and not tried: {other}"),
            };
            assert_eq!(status, StatusCode::OK, "{grant}");
        }
        for unlisted in ["implicit", "urn:ietf:params:oauth:grant-type:device_code"] {
            let response = app.grant_to("all", &[("grant_type", unlisted)]).await;
            assert_eq!(refusal(response).await, (400, "unsupported_grant_type".to_owned()));
        }

        let token = tokens["access_token"].as_str().unwrap();
        let secret = secret_of("all");
        for (list, path) in [
            ("token_endpoint_auth_methods_supported", "/oauth2/token"),
            ("introspection_endpoint_auth_methods_supported", "/oauth2/introspect"),
            ("revocation_endpoint_auth_methods_supported", "/oauth2/revoke"),
        ] {
            for method in discovery.list(list) {
                let mut form = vec![("token", "unknown")];
                if path == "/oauth2/token" {
                    form = by_password.to_vec();
                }
                let request = match method {
                    "client_secret_basic" => {
                        app.post(path).form(&form).header("Authorization", basic("all", &secret))
                    }
                    "client_secret_post" => {
                        form.extend([("client_id", "all"), ("client_secret", secret.as_str())]);
                        app.post(path).form(&form)
                    }
                    "none" => {
                        form.push(("client_id", "page"));
                        app.post(path).form(&form)
                    }
                    other => panic!("listed, and not tried: {other}"),
                };
                assert_eq!(request.send().await.unwrap().status(), StatusCode::OK, "{path} {method}");
            }
            let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
            let form = [("client_assertion_type", kind), ("client_assertion", token), ("token", token)];
            let form: Vec<_> = form.into_iter().chain([("grant_type", "client_credentials")]).collect();
            assert_eq!(refusal(app.post(path).form(&form).send().await.unwrap()).await.0, 401, "{path}");
        }
    }
}

#[tokio::test]
async fn each_listed_value_of_an_authorization_request_is_understood() {
    for app in &apps().await {
        let (discovery, mut ada) = (Discovery::of(app).await, ready(app).await);
        let asked =
            |name: &'static str, value: &str| [("client_id", "all".to_owned()), (name, value.to_owned())];
        let mut ask = async |name: &'static str, value: &str| {
            let parameters = asked(name, value);
            let parameters: Vec<_> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
            ada.authorize(&parameters).await
        };
        for value in discovery.list("response_types_supported") {
            assert!(!ask("response_type", value).await.code().is_empty(), "{value}");
        }
        for unlisted in ["token", "id_token", "code id_token"] {
            assert_eq!(ask("response_type", unlisted).await.error(), "unsupported_response_type");
        }
        for mode in discovery.list("response_modes_supported") {
            let shown = ask("response_mode", mode).await;
            match mode {
                "query" => assert!(!shown.code().is_empty()),
                "form_post" => assert!(shown.html.contains("name=\"code\""), "{}", shown.html),
                other => panic!("listed, and not tried: {other}"),
            }
        }
        assert_eq!(ask("response_mode", "fragment").await.error(), "invalid_request");
        for prompt in discovery.list("prompt_values_supported") {
            let shown = match prompt {
                "consent" => ada.authorize(&[("client_id", "third"), ("prompt", prompt)]).await,
                _ => ada.authorize(&[("client_id", "all"), ("prompt", prompt)]).await,
            };
            match prompt {
                "none" => assert!(!shown.code().is_empty()),
                _ => assert!(shown.location.is_none() && shown.status == StatusCode::OK, "{prompt}"),
            }
        }
        for scope in discovery.list("scopes_supported") {
            let code =
                ada.authorize(&[("client_id", "all"), ("scope", &format!("openid {scope}"))]).await.code();
            let (_, tokens) = redeem(app, "all", &code).await;
            let granted = tokens["scope"].as_str().unwrap();
            assert!(granted.split(' ').any(|one| one == scope), "{scope}: {granted}");
            let id_token = &tokens["id_token"];
            let header = jsonwebtoken::decode_header(id_token.as_str().unwrap()).unwrap();
            assert_eq!(
                discovery.list("id_token_signing_alg_values_supported"),
                [format!("{:?}", header.alg)]
            );
            assert_eq!(discovery.list("acr_values_supported"), [claims(id_token)["acr"].as_str().unwrap()]);
        }
        assert_eq!(
            discovery.list("code_challenge_methods_supported"),
            ["S256"],
            "with which each code was redeemed"
        );
        let plain = [("client_id", "all"), ("code_challenge_method", "plain")];
        assert_eq!(ada.authorize(&plain).await.error(), "invalid_request");
        for locale in discovery.list("ui_locales_supported") {
            let form = Person::new(app).authorize(&[("client_id", "all"), ("ui_locales", locale)]).await;
            assert!(form.html.contains(&format!("<html lang=\"{locale}\"")), "{}", form.html);
        }
    }
}

/// R18: cookies do not know ports, so instances on one host are kept apart by `cookies.suffix`.
#[tokio::test]
async fn two_instances_on_one_host_leave_each_other_signed_in() {
    let [one, _] = apps().await;
    let [two, _] = crate::helpers::both_with(|settings| settings.cookies.suffix = "-two".to_owned()).await;
    two.register("ada").await;
    let mut at_one = Person::new(&one);
    at_one.sign_in_bare("ada").await;
    let mut at_two = Person { cookies: at_one.cookies, ..Person::new(&two) };
    at_two.sign_in_bare("ada").await;
    let mut at_one = Person { cookies: at_two.cookies.clone(), ..Person::new(&one) };
    for person in [&mut at_one, &mut at_two] {
        assert_eq!(person.open("/account/sessions").await.status, StatusCode::OK);
    }
}
