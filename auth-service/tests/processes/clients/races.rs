//! B13 for clients: no token survives the disabling of its client, whenever that happens.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use service_kit::database::testing::TestDatabase;
use shared_claims::claims::TokenId;

use super::{cut, document};
use crate::helpers::{PASSWORD, Service, ServiceSettings, WAIT_LIMIT, eventually};

/// Sends a token request of the client. Returns the response; `None` if it is refused.
async fn granted(service: &Service, secret: &str, form: &[(&str, &str)]) -> Option<Value> {
    let form: Vec<_> =
        form.iter().copied().chain([("client_id", "app"), ("client_secret", secret)]).collect();
    let answer =
        service.client.post(format!("{}/oauth2/token", service.url)).form(&form).send().await.unwrap();
    let status = answer.status().as_u16();
    let body: Value = answer.json().await.unwrap();
    match status {
        200 => Some(body),
        400 | 401 => None,
        _ => panic!("{status}: {body}"),
    }
}

/// The time in the token's `jti`.
fn issued_at_ms(token: &Value) -> i64 {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let claims = token["access_token"].as_str().unwrap().split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    TokenId::parse(claims["jti"].as_str().unwrap()).unwrap().time_ms()
}

const LOGIN: &[(&str, &str)] = &[("grant_type", "password"), ("username", "alice"), ("password", PASSWORD)];

#[actix_web::test]
async fn tokens_issued_while_a_client_is_disabled_are_revoked() {
    for database in TestDatabase::both() {
        // Without clock skew, only the order of the steps ensures that no token is later than the cut.
        let settings = ServiceSettings::on(&database).with("AUTH__REVOCATION__CLOCK_SKEW_MS", "0");
        let (one, two) = (settings.start().await, settings.replica().start().await);
        one.register("alice").await;
        let grants = ["--grants", "client_credentials,password,refresh_token", "--scopes", "todos:read"];
        let created =
            document(&settings, &[&["create", "--name", "App", "--id", "app"], grants.as_slice()].concat());
        let secret = created["client_secret"].as_str().unwrap();
        eventually("both know it", WAIT_LIMIT, async || {
            granted(&one, secret, LOGIN).await.is_some() && granted(&two, secret, LOGIN).await.is_some()
        })
        .await;

        let mut last_cut = 0;
        for round in 0..3 {
            let given = Mutex::new(Vec::new());
            let stop = AtomicBool::new(false);
            let hammer = async |service: &Service, form: &[(&str, &str)]| {
                while !stop.load(Ordering::Relaxed) {
                    if let Some(token) = granted(service, secret, form).await {
                        given.lock().unwrap().push(token);
                    }
                }
            };
            let refreshing = async |service: &Service| {
                let mut last: Option<Value> = None;
                while !stop.load(Ordering::Relaxed) {
                    let token = match last.as_ref().and_then(|token| token["refresh_token"].as_str()) {
                        Some(token) => {
                            granted(
                                service,
                                secret,
                                &[("grant_type", "refresh_token"), ("refresh_token", token)],
                            )
                            .await
                        }
                        None => granted(service, secret, LOGIN).await,
                    };
                    given.lock().unwrap().extend(token.clone());
                    last = token;
                }
            };
            let own_name: &[(&str, &str)] = &[("grant_type", "client_credentials")];
            let disable = async {
                eventually("all are at it", WAIT_LIMIT, async || given.lock().unwrap().len() > 30).await;
                let command = settings.clone();
                tokio::task::spawn_blocking(move || document(&command, &["disable", "app"])).await.unwrap();
                let after = granted(&one, secret, own_name).await.or(granted(&two, secret, LOGIN).await);
                assert_eq!(after, None, "the client gets no token after the command has ended");
                stop.store(true, Ordering::Relaxed);
            };
            tokio::join!(
                hammer(&one, own_name),
                hammer(&two, own_name),
                hammer(&one, LOGIN),
                hammer(&two, LOGIN),
                refreshing(&one),
                refreshing(&two),
                disable
            );
            let at = cut(&one, "app").await.unwrap()["at"].as_i64().unwrap();
            assert!(at > last_cut);
            let given = given.into_inner().unwrap();
            for token in &given {
                let issued = issued_at_ms(token);
                assert!(last_cut < issued && issued <= at, "round {round}: {last_cut} < {issued} <= {at}");
            }
            last_cut = at;

            document(&settings, &["enable", "app"]);
            eventually("both know that it is back", WAIT_LIMIT, async || {
                granted(&one, secret, own_name).await.is_some()
                    && granted(&two, secret, own_name).await.is_some()
            })
            .await;
            for token in given.iter().filter_map(|token| token["refresh_token"].as_str()) {
                let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
                assert_eq!(granted(&two, secret, &form).await, None, "the session has ended");
            }
        }
    }
}
