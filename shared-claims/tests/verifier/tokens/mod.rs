//! SECURITY-CASES A1 to A16 and A18: invalid tokens in one table, through the API and over HTTP.

mod claims;
mod header;
mod shape;

use std::sync::Arc;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use shared_claims::actix::BearerAuth;
use shared_claims::clock::ManualClock;
use shared_claims::testing::{SignatureKind, TestKey, TokenBuilder};
use shared_claims::verifier::{Reason, Verified, VerifyError};

use crate::support::{AUDIENCE, ISSUER, NOW, Service, builder, clock, token};

pub(crate) struct Case {
    name: String,
    token: String,
    reason: Reason,
}

pub(crate) fn case(name: impl Into<String>, token: impl Into<String>, reason: Reason) -> Case {
    Case { name: name.into(), token: token.into(), reason }
}

/// Asserts that each token is refused with its reason, and over HTTP with the same response for all of them.
pub(crate) async fn assert_refused(clock: &Arc<ManualClock>, cases: Vec<Case>) {
    let verifier = builder(clock).build().await.unwrap();
    let service = Service::start(BearerAuth::new(verifier.clone()));
    let good_token = token(clock).sign();
    assert!(!cases.is_empty());
    for Case { name, token, reason } in cases {
        let outcome = verifier.verify(&token).await.map(Verified::into_claims);
        assert_eq!(outcome, Err(VerifyError::Invalid(reason)), "{name}");
        // A token that no header can carry, or that the server itself answers with 431, is not sent.
        if token.bytes().all(|byte| byte.is_ascii_graphic()) && (1..100_000).contains(&token.len()) {
            service.whoami(&token).await.assert_invalid_token(&name);
        }
    }
    // A valid token is still accepted, so the tokens were the cause.
    assert_eq!(service.whoami(&good_token).await.status, 200);
}

pub(crate) async fn assert_accepted(clock: &Arc<ManualClock>, cases: Vec<(&str, TokenBuilder)>) {
    let verifier = builder(clock).build().await.unwrap();
    let service = Service::start(BearerAuth::new(verifier.clone()));
    assert!(!cases.is_empty());
    for (name, token) in cases {
        let token = token.sign();
        assert!(verifier.verify(&token).await.is_ok(), "{name}");
        assert_eq!(service.whoami(&token).await.status, 200, "{name}");
    }
}
