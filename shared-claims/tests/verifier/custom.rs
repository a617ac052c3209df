//! Custom claims of a service, and roles.

use actix_web::web;
use serde_json::{Value, json};
use shared_claims::actix::{AnyToken, Authenticated, BearerAuth};
use shared_claims::claims::Claims;
use shared_claims::required_role;
use shared_claims::verifier::{Reason, VerifyError};

use crate::support::{Answer, Service, TodosWrite, builder, clock, token};

#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Tenant {
    tenant: String,
    #[serde(default)]
    limits: Vec<u32>,
}

#[tokio::test]
async fn own_claims_are_read_beside_the_others() {
    let clock = clock();
    let verifier = builder(&clock).custom_claims::<Tenant>().build().await.unwrap();
    let token = token(&clock).claim("tenant", "acme").claim("limits", json!([1, 2])).sign();
    // The second check uses the cache.
    for _ in 0..2 {
        let claims: Claims<Tenant> = verifier.verify(&token).await.unwrap().into_claims();
        assert_eq!(claims.custom, Tenant { tenant: "acme".to_owned(), limits: vec![1, 2] });
        assert_eq!(claims.username.as_deref(), Some("ada"));
    }
    assert_eq!(verifier.metrics().cache_hits, 1);
}

#[tokio::test]
async fn own_claims_of_another_shape_are_no_good_claims() {
    let clock = clock();
    let verifier = builder(&clock).custom_claims::<Tenant>().build().await.unwrap();
    let tenant = |value: Value| token(&clock).claim("tenant", value);
    let twice = String::from_utf8(tenant(json!("acme")).claims_json()).unwrap();
    let twice = twice.replacen('{', r#"{"tenant":"other","#, 1);
    let deep = format!("{}1{}", "[".repeat(20), "]".repeat(20));
    for bad in [
        token(&clock),
        tenant(json!(1)),
        tenant(Value::Null),
        tenant(json!("acme")).claim("limits", json!([-1])),
        tenant(json!("acme")).claim("unknown", 1),
        tenant(json!("acme")).raw_claims(twice),
        tenant(json!("acme")).claim("limits", serde_json::from_str::<Value>(&deep).unwrap()),
    ] {
        let claims = String::from_utf8(bad.claims_json()).unwrap();
        let outcome = verifier.verify(&bad.sign()).await.err();
        assert_eq!(outcome, Some(VerifyError::Invalid(Reason::Claims)), "{claims}");
    }
}

#[tokio::test]
async fn a_policy_sees_own_claims() {
    let clock = clock();
    let verifier = builder(&clock)
        .custom_claims::<Tenant>()
        .policy(|claims| claims.custom.tenant == "acme")
        .policy(|claims| claims.custom.limits.is_empty())
        .build()
        .await
        .unwrap();
    let tenant = |name: &str| token(&clock).claim("tenant", name);
    assert!(verifier.verify(&tenant("acme").sign()).await.is_ok());
    for bad in [tenant("other"), tenant("acme").claim("limits", json!([1]))] {
        let outcome = verifier.verify(&bad.sign()).await.err();
        assert_eq!(outcome, Some(VerifyError::Invalid(Reason::Policy)));
    }
}

required_role!(Admin, "admin");

#[tokio::test]
async fn handlers_see_own_claims_and_ask_for_roles() {
    type Allowed = (TodosWrite, Admin);
    let clock = clock();
    let verifier = builder(&clock).custom_claims::<Tenant>().build().await.unwrap();
    let auth = web::Data::new(BearerAuth::new(verifier));
    let service = Service::of(move |config| {
        config
            .app_data(auth.clone())
            .route(
                "/tenant",
                web::get().to(async |user: Authenticated<AnyToken, Tenant>| user.custom.tenant.clone()),
            )
            .route(
                "/admin",
                web::get().to(async |user: Authenticated<Allowed, Tenant>| user.custom.tenant.clone()),
            );
    });
    let good = token(&clock).claim("tenant", "acme").claim("roles", json!(["admin"]));
    let ask = async |path: &str, token: String| {
        Answer::of(service.get(path).header("Authorization", format!("Bearer {token}"))).await
    };
    for path in ["/tenant", "/admin"] {
        let answer = ask(path, good.sign()).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "acme"), "{path}");
    }
    let other_role = ask("/admin", good.clone().claim("roles", json!(["editor"])).sign()).await;
    let other_scope = ask("/admin", good.claim("scope", "todos:read").sign()).await;
    for (answer, challenge) in [
        (other_role, r#"Bearer error="insufficient_scope""#),
        (other_scope, r#"Bearer error="insufficient_scope", scope="todos:write""#),
    ] {
        assert_eq!((answer.status, answer.challenge.as_deref()), (403, Some(challenge)));
        answer.assert_problem(challenge);
    }
}
